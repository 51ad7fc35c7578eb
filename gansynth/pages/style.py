"""How pages look: restrained, light or dark, any width."""

from collections.abc import Sequence

# Told apart with any colour vision (Okabe and Ito, https://jfly.uni-koeln.de/
# color), those first that are rare on photographs; black is left out, for it
# is lost on dark ones.
COLORS = (
  (230, 159, 0),
  (86, 180, 233),
  (204, 121, 167),
  (240, 228, 66),
  (0, 158, 115),
  (0, 114, 178),
  (213, 94, 0),
)
_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--panel:#f5f6f8;--ink:#1b1f24;
--soft:#59626d;--line:#d8dde3;--synthetic:#0072b2;--real:#c04b00}
@media(prefers-color-scheme:dark){:root{--ground:#14171a;--panel:#1d2125;
--ink:#e8eaed;--soft:#a3abb5;--line:#353b42;--synthetic:#56b4e9;--real:#f0a030}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:108rem;margin:0 auto;padding:2rem clamp(1rem,3vw,3rem) 4rem}
h1{font-size:clamp(1.5rem,1.1rem + 1.6vw,2.2rem);line-height:1.2;margin:0;
font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.25rem;font-weight:650;margin:2.5rem 0 0}
header p{margin:.5rem 0 0;color:var(--soft);font-variant-numeric:tabular-nums}
.soft{color:var(--soft);margin:.1rem 0 0}
.facts{display:flex;flex-wrap:wrap;gap:.4rem 2rem;margin:1rem 0 0}
.facts dt{font-size:.8rem;color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.toolbar{position:sticky;top:0;z-index:3;display:flex;flex-wrap:wrap;
gap:.5rem 2rem;align-items:center;margin:.75rem 0 1.25rem;padding:.6rem 0;
background:var(--ground);border-bottom:1px solid var(--line)}
.switches{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem}
.switches label{display:flex;align-items:center;gap:.4rem;cursor:pointer;
min-height:1.75rem}
.switches input{width:1.1rem;height:1.1rem;margin:0;
accent-color:var(--synthetic)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;
margin:0;padding:0;font-size:.9rem;max-height:5.6rem;overflow:auto}
.legend li{display:flex;align-items:center;gap:.4rem}
.legend i{width:.85rem;height:.85rem;border-radius:2px;background:var(--c);
box-shadow:0 0 0 1px rgb(0 0 0/.35)}
.legend .key.synthetic{background:var(--synthetic);box-shadow:none}
.legend .key.real{background:none;box-shadow:inset 0 0 0 2px var(--real)}
.tiles{display:grid;align-items:start;gap:1.5rem 1.25rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr))}
.tiles.wide{margin-top:1.25rem;gap:1.25rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr))}
figure{margin:0;min-width:0}
.view{position:relative;isolation:isolate}
.view img{display:block;width:100%;height:auto}
.shot figcaption{display:flex;flex-wrap:wrap;gap:0 .9rem;margin-top:.4rem;
font-size:.85rem;color:var(--soft)}
.shot figcaption b{flex-basis:100%;font-weight:500;color:var(--ink);
overflow-wrap:anywhere}
.shot figcaption span{overflow-wrap:anywhere}
.plot{padding:1rem;background:var(--panel);border-radius:8px}
.plot figcaption{margin-bottom:.5rem;font-size:.85rem;line-height:1.35}
.plot figcaption strong{display:block;font-size:1rem;font-weight:650}
.plot figcaption span{color:var(--soft)}
.plot svg{display:block;width:100%;height:auto}
svg text{font-size:11.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--line);stroke-width:1}
svg .axis{stroke:var(--soft);stroke-width:1}
svg .synthetic{fill:var(--synthetic);fill-opacity:.8}
svg .real{fill:none;stroke:var(--real);stroke-width:2}
svg .below{fill-opacity:.3}
svg .threshold{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}
svg .frame{fill:var(--ground);stroke:var(--line)}
svg .heat{fill:var(--synthetic)}
table{border-collapse:collapse;width:100%;font-size:.9rem;
font-variant-numeric:tabular-nums}
th,td{padding:.3rem .2rem;border-bottom:1px solid var(--line);
text-align:right;font-weight:400}
tbody th{text-align:left;color:var(--soft)}
thead th{font-weight:650}
@media(max-width:40rem){.toolbar .legend{max-height:1.6rem}}
@media print{.toolbar{position:static}.shot,.plot{break-inside:avoid}}
"""


def rules(colors: Sequence[Sequence[int]]) -> str:
  """The rules, with the classes' colours: `.c0` is that of class 0."""
  colors = [
    f".c{i}{{--c:#{bytes(rgb).hex()};--t:{_words_on(rgb)}}}\n"
    for i, rgb in enumerate(colors)
  ]
  return _STYLE + "".join(colors)


def _words_on(rgb):
  """Black or white, whichever has more contrast (WCAG 2, section 1.4.3)."""
  linear = [
    c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb
  ]
  luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
  # Where (L + 0.05) / 0.05 is 1.05 / (L + 0.05).
  return "#000" if luminance > 0.179 else "#fff"
