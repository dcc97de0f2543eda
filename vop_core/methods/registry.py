"""Every method of the bench, by the name it has in tables: a new one is a file beside this one and
a line here.
"""

from vop_core.methods.adabn import AdaBn
from vop_core.methods.amortised_vop import AmortisedVop
from vop_core.methods.anil import Anil, AnilTrainedEncoder
from vop_core.methods.arm import Arm
from vop_core.methods.arm_bn import ArmBn
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.class_vop import ClassVop, ClassVopFilm
from vop_core.methods.conditional_vop import ConditionalVop
from vop_core.methods.content_adabn import ContentAdaBn
from vop_core.methods.dropout import Dropout, McDropout
from vop_core.methods.film_hypernetwork import FilmHypernetwork
from vop_core.methods.fine_tune import FineTuneAll, FineTuneFilm, FineTuneHead
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.last_layer_laplace import LastLayerLaplace
from vop_core.methods.lora import Lora
from vop_core.methods.mean_subtraction import MeanSubtraction, TrainedMeanSubtraction
from vop_core.methods.prototypes import Prototypes
from vop_core.methods.prototypical import PrototypicalNetwork
from vop_core.methods.samovar import (
    LabeledSamovarOneLayer,
    LabeledSamovarTwoLayers,
    SamovarOneLayer,
    SamovarTwoLayers,
    SamovarTwoLayersTrainedEncoder,
)
from vop_core.methods.simple_cnaps import SimpleCnaps
from vop_core.methods.t3a import T3a
from vop_core.methods.tent import Tent
from vop_core.methods.untrained_vop import UntrainedVop
from vop_core.methods.versa import Versa, VersaTrainedEncoder
from vop_core.methods.vop import Vop

METHODS: dict[str, type[PersonalizationMethod]] = {
    # no person
    "global": GlobalModel,
    "dropout": Dropout,
    "mc-dropout": McDropout,
    "laplace": LastLayerLaplace,
    # unlabeled clips, no gradient
    "vop": Vop,
    "untrained-vop": UntrainedVop,
    "amortised-vop": AmortisedVop,
    "conditional-vop": ConditionalVop,
    "film-hypernetwork": FilmHypernetwork,
    "samovar-1fc": SamovarOneLayer,
    "samovar-2fc": SamovarTwoLayers,
    "samovar-2fc-trained-encoder": SamovarTwoLayersTrainedEncoder,
    "arm-cml": Arm,
    "arm-bn": ArmBn,
    "adabn": AdaBn,
    "content-adabn": ContentAdaBn,
    "mean-subtraction": MeanSubtraction,
    "trained-mean-subtraction": TrainedMeanSubtraction,
    "t3a": T3a,
    # unlabeled clips and gradients
    "tent": Tent,
    # labeled clips
    "labeled-samovar-1fc": LabeledSamovarOneLayer,
    "labeled-samovar-2fc": LabeledSamovarTwoLayers,
    "versa": Versa,
    "versa-trained-encoder": VersaTrainedEncoder,
    "prototypes": Prototypes,
    # labeled clips of every class that is asked about
    "class-vop": ClassVop,
    "class-vop-film": ClassVopFilm,
    "prototypical": PrototypicalNetwork,
    "simple-cnaps": SimpleCnaps,
    # labeled clips and gradients
    "anil": Anil,
    "anil-trained-encoder": AnilTrainedEncoder,
    "lora": Lora,
    "fine-tune-head": FineTuneHead,
    "fine-tune-film": FineTuneFilm,
    "fine-tune-all": FineTuneAll,
}


def name_of(method: PersonalizationMethod) -> str:
    """A method's name in tables and files."""
    return next(name for name, kind in METHODS.items() if type(method) is kind)
