"""Cityscapes label ids used by the street scenes (ids, not train ids).

Source: the Cityscapes data set, `cityscapesscripts/helpers/labels.py`.
"""

ROAD = 7
SIDEWALK = 8
PARKING = 9
BUILDING = 11
WALL = 12
FENCE = 13
POLE = 17
TRAFFIC_LIGHT = 19
TRAFFIC_SIGN = 20
VEGETATION = 21
TERRAIN = 22
SKY = 23
PERSON = 24
RIDER = 25
CAR = 26
TRUCK = 27
BUS = 28
BICYCLE = 33

# Instance maps hold label * INSTANCE_STEP + counter for things that are
# counted, and the bare label for everything else.
INSTANCE_STEP = 1000
