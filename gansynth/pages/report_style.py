"""How pages of scores look, beside what all pages have in common."""

from gansynth.pages import curves

RULES = (
  curves.STYLE
  + """
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;
margin:1.25rem 0 0;padding:0}
a{color:var(--synthetic)}
section{scroll-margin-top:1rem}
.banner{margin:1.5rem 0 0;padding:1rem 1.25rem;border-radius:8px;color:#fff;
background:#a3122a}
.banner strong{display:block;font-size:1.3rem;letter-spacing:.04em}
.banner p{margin:.25rem 0 0;max-width:60rem}
.notes{margin:1.5rem 0 0;padding:.9rem 1.25rem;
border-left:5px solid var(--real);background:var(--panel);border-radius:4px}
.notes h2{margin:0;font-size:1rem}
.notes ul{margin:.35rem 0 0;padding-left:1.2rem;max-width:70rem}
.notes li{overflow-wrap:anywhere}
.cards{display:grid;gap:1.25rem;margin-top:1.25rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,16rem),1fr))}
.card{padding:1rem;background:var(--panel);border-radius:8px}
.card.random{outline:2px dashed #c8203c;outline-offset:-2px}
.card h3{margin:0;font-size:1rem;font-weight:650}
.card h3 small,.card .value small{font-weight:400;color:var(--soft)}
.card h3 em{padding:.05rem .45rem;border-radius:3px;color:#fff;
background:#a3122a;font-size:.75rem;font-style:normal;font-weight:600;
white-space:nowrap}
.card p{margin:.5rem 0 0;font-size:.85rem;line-height:1.4}
.card .soft{margin:0;font-variant-numeric:tabular-nums}
.card .value{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .5rem;
margin:.15rem 0 0;font-size:1.9rem;font-weight:650;line-height:1.2;
font-variant-numeric:tabular-nums}
.card .value small{font-size:.85rem;line-height:1.4;white-space:nowrap}
.wide-table{overflow-x:auto}
.wide-table table{white-space:nowrap}
.wide-table :is(th,td){padding:.3rem .6rem}
.wide-table :is(th,td):first-child{position:sticky;left:0;
padding-left:.2rem;text-align:left;background:var(--ground)}
.plot .wide-table :is(th,td):first-child{background:var(--panel)}
.matrix{max-width:38rem;margin-top:1.25rem}
.sheet{margin-top:1.25rem}
.sheet img{display:block;max-width:100%;height:auto}
details{margin-top:1rem}
summary{cursor:pointer;font-weight:600}
details dl{display:grid;gap:0 1.5rem;margin:.75rem 0 0;font-size:.9rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))}
details dl div{display:flex;gap:1rem;justify-content:space-between;
padding:.25rem 0;border-bottom:1px solid var(--line)}
details dt{color:var(--soft);overflow-wrap:anywhere}
details dd{margin:0;text-align:right;overflow-wrap:anywhere}
footer{margin-top:3rem;font-size:.85rem;color:var(--soft)}
@media print{.card{break-inside:avoid}}
"""
)
