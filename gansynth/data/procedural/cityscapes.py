"""Cityscapes ids (not train ids) of what the street scenes show."""

from gansynth.data.labels import cityscapes

ROAD = cityscapes.BY_NAME["road"].id
SIDEWALK = cityscapes.BY_NAME["sidewalk"].id
PARKING = cityscapes.BY_NAME["parking"].id
BUILDING = cityscapes.BY_NAME["building"].id
WALL = cityscapes.BY_NAME["wall"].id
FENCE = cityscapes.BY_NAME["fence"].id
POLE = cityscapes.BY_NAME["pole"].id
TRAFFIC_LIGHT = cityscapes.BY_NAME["traffic light"].id
TRAFFIC_SIGN = cityscapes.BY_NAME["traffic sign"].id
VEGETATION = cityscapes.BY_NAME["vegetation"].id
TERRAIN = cityscapes.BY_NAME["terrain"].id
SKY = cityscapes.BY_NAME["sky"].id
PERSON = cityscapes.BY_NAME["person"].id
RIDER = cityscapes.BY_NAME["rider"].id
CAR = cityscapes.BY_NAME["car"].id
TRUCK = cityscapes.BY_NAME["truck"].id
BUS = cityscapes.BY_NAME["bus"].id
BICYCLE = cityscapes.BY_NAME["bicycle"].id

INSTANCE_STEP = cityscapes.INSTANCE_STEP
