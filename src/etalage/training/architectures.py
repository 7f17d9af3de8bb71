"""A recipe for every architecture of Cdiscount's challenge of 2017, alike in all but the backbone.

With the weights that were public then, where timm has them.
"""

from dataclasses import replace

from etalage.training.recipe import Recipe

_BACKBONES = {
    "resnet50": "resnet50.tv_in1k",
    "resnet101": "resnet101.tv_in1k",
    "inception-v3": "inception_v3.tf_in1k",
    "inception-resnet-v2": "inception_resnet_v2.tf_in1k",
    "resnext101-32x4d": "resnext101_32x4d.gluon_in1k",
    "resnext101-64x4d": "resnext101_64x4d.gluon_in1k",
    "se-resnet50": "legacy_seresnet50.in1k",
    "se-resnext50-32x4d": "legacy_seresnext50_32x4d.in1k",
    "se-resnext101-32x4d": "legacy_seresnext101_32x4d.in1k",
    "se-resnext101-64x4d": "seresnext101_64x4d.gluon_in1k",
    "senet154": "legacy_senet154.in1k",
    "dpn68": "dpn68.mx_in1k",
    "dpn92": "dpn92.mx_in1k",
    "dpn98": "dpn98.mx_in1k",
    "dpn107": "dpn107.mx_in1k",
    "dpn131": "dpn131.mx_in1k",
    "densenet161": "densenet161.tv_in1k",
    "xception": "legacy_xception.tf_in1k",
}

_ALIKE = Recipe(
    name="resnet50",
    backbone="resnet50.tv_in1k",
    image_size=180,
    load_size=180,
    epochs=12,
    batch_products=128,
    learning_rate=3e-4,
    weight_decay=0.01,
)

ARCHITECTURES = {
    name: replace(_ALIKE, name=name, backbone=backbone) for name, backbone in _BACKBONES.items()
}
