"""The words of the own taxonomy: departments, shelves and their shapes, attributes.

A department is a level-1 name with its shelves; a shelf is a level-2 name, the noun its titles use
and the shape (``etalage.generator.shapes``) its products have. A leaf adds a pattern and a part.
"""

from typing import NamedTuple


class Shelf(NamedTuple):
    """A level-2 branch of the own taxonomy."""

    name: str
    noun: str
    shape: str


PATTERNS = (
    ("UNI", "uni"),
    ("RAYE", "à rayures"),
    ("A POIS", "à pois"),
    ("A CARREAUX", "à carreaux"),
    ("A CHEVRONS", "à chevrons"),
    ("A CERCLES", "à cercles"),
    ("FLEURI", "à fleurs"),
    ("CAMOUFLAGE", "camouflage"),
    ("A LOSANGES", "à losanges"),
    ("DAMIER", "damier"),
    ("ETOILE", "à étoiles"),
    ("MARBRE", "effet marbre"),
)
PARTS = (
    ("", ""),
    ("AVEC ANSE", "avec anse"),
    ("A BANDE", "à bande contrastée"),
    ("AVEC ETIQUETTE", "avec étiquette"),
    ("A BOUTONS", "à boutons"),
    ("AVEC NŒUD", "avec nœud"),
)
BRANDS = (
    "Novéa", "Lumio", "Kervan", "Brissac", "Maison Duval", "Oltéo", "Tecniq", "Arvel", "Sorélia",
    "Montclar", "Zéphyr", "Halden", "Pixora", "Ravelle", "Corvex", "Alpina", "Mirabo", "Dynelec",
    "Fauvette", "Granvia", "Isatis", "Jolival", "Kompakt", "Lorient", "Nordika", "Orphée",
    "Primaline", "Quartz", "Rivage", "Solenne", "Tramontane", "Ubik", "Valmer", "Wexor", "Yseult",
)  # fmt: skip
COLOURS = (
    ("rouge", (196, 40, 44)), ("bordeaux", (112, 24, 42)), ("orange", (232, 122, 32)),
    ("jaune", (240, 204, 56)), ("vert", (52, 140, 70)), ("kaki", (108, 112, 62)),
    ("turquoise", (52, 172, 176)), ("bleu", (40, 92, 184)), ("marine", (30, 42, 84)),
    ("violet", (116, 64, 150)), ("rose", (234, 132, 168)), ("marron", (112, 72, 44)),
    ("beige", (214, 190, 150)), ("gris", (128, 130, 134)), ("anthracite", (58, 60, 64)),
    ("noir", (26, 26, 28)), ("ivoire", (240, 232, 214)), ("argent", (190, 194, 200)),
)  # fmt: skip

DEPARTMENTS: tuple[tuple[str, tuple[Shelf, ...]], ...] = (
    ("TELEPHONIE - GPS", (
        Shelf("COQUE TELEPHONE", "Coque", "phone_case"),
        Shelf("ETUI TABLETTE", "Étui tablette", "tablet"),
        Shelf("CHARGEUR", "Chargeur", "charger"),
        Shelf("BATTERIE EXTERNE", "Batterie externe", "battery"),
        Shelf("SUPPORT VOITURE", "Support", "stand"),
    )),
    ("DECO - LUMINAIRE", (
        Shelf("LAMPE", "Lampe", "lamp"),
        Shelf("SUSPENSION", "Suspension", "pendant"),
        Shelf("VASE - SOLIFLORE", "Vase", "vase"),
        Shelf("HORLOGE", "Horloge", "clock"),
        Shelf("CADRE PHOTO", "Cadre", "frame"),
    )),
    ("CHAUSSURES - ACCESSOIRES", (
        Shelf("BASKET", "Baskets", "sneaker"),
        Shelf("BOTTE - BOTTINE", "Bottes", "boot"),
        Shelf("ESCARPIN", "Escarpins", "heel"),
        Shelf("CHAUSSON", "Chaussons", "slipper"),
        Shelf("CHAUSSETTE", "Chaussettes", "sock"),
    )),
    ("ART DE LA TABLE - ARTICLES CULINAIRES", (
        Shelf("TASSE - MUG", "Mug", "mug"),
        Shelf("CASSEROLE", "Casserole", "pan"),
        Shelf("ASSIETTE", "Assiette", "plate"),
        Shelf("THEIERE", "Théière", "teapot"),
        Shelf("SALADIER", "Saladier", "bowl"),
    )),
    ("LIBRAIRIE", (
        Shelf("LITTERATURE", "Roman", "book"),
        Shelf("BANDE DESSINEE", "Album", "album"),
        Shelf("CARTE - PLAN", "Carte", "folded_map"),
        Shelf("AGENDA", "Agenda", "diary"),
        Shelf("PAPETERIE", "Classeur", "binder"),
    )),
    ("VETEMENT", (
        Shelf("T-SHIRT", "T-shirt", "tshirt"),
        Shelf("PANTALON", "Pantalon", "trousers"),
        Shelf("ROBE", "Robe", "dress"),
        Shelf("VESTE", "Veste", "jacket"),
        Shelf("CASQUETTE", "Casquette", "cap"),
    )),
    ("MEUBLE", (
        Shelf("CHAISE", "Chaise", "chair"),
        Shelf("TABLE", "Table", "table"),
        Shelf("ARMOIRE", "Armoire", "wardrobe"),
        Shelf("CANAPE", "Canapé", "sofa"),
        Shelf("ETAGERE", "Étagère", "shelf"),
    )),
    ("INFORMATIQUE", (
        Shelf("ECRAN", "Écran", "screen"),
        Shelf("CLAVIER", "Clavier", "keyboard"),
        Shelf("SOURIS", "Souris", "mouse"),
        Shelf("CARTOUCHE - TONER", "Cartouche", "cartridge"),
        Shelf("UNITE CENTRALE", "Unité centrale", "tower"),
    )),
    ("JEUX - JOUETS", (
        Shelf("PELUCHE", "Peluche", "bear"),
        Shelf("VEHICULE MINIATURE", "Voiture miniature", "car"),
        Shelf("BALLON", "Ballon", "ball"),
        Shelf("CUBE", "Cube", "cube"),
        Shelf("ROBOT", "Robot", "robot"),
    )),
    ("MUSIQUE", (
        Shelf("CD", "CD", "cd"),
        Shelf("VINYLE", "Vinyle", "vinyl"),
        Shelf("CASSETTE", "Cassette", "tape"),
        Shelf("COFFRET", "Coffret", "boxset"),
        Shelf("PARTITION", "Partition", "sheet"),
    )),
    ("BIJOUX - LUNETTES - MONTRES", (
        Shelf("MONTRE", "Montre", "watch"),
        Shelf("LUNETTES", "Lunettes", "glasses"),
        Shelf("BAGUE", "Bague", "ring"),
        Shelf("COLLIER", "Collier", "necklace"),
        Shelf("BROCHE", "Broche", "brooch"),
    )),
    ("ELECTROMENAGER", (
        Shelf("REFRIGERATEUR", "Réfrigérateur", "fridge"),
        Shelf("LAVE-LINGE", "Lave-linge", "washer"),
        Shelf("FOUR", "Four", "oven"),
        Shelf("CAFETIERE", "Cafetière", "coffee"),
        Shelf("BOUILLOIRE", "Bouilloire", "kettle"),
    )),
    ("BAGAGERIE", (
        Shelf("VALISE", "Valise", "suitcase"),
        Shelf("SAC A MAIN", "Sac à main", "handbag"),
        Shelf("SAC A DOS", "Sac à dos", "backpack"),
        Shelf("PORTEFEUILLE", "Portefeuille", "wallet"),
        Shelf("PARAPLUIE", "Parapluie", "umbrella"),
    )),
    ("VIN - ALCOOL - LIQUIDES", (
        Shelf("VIN", "Bouteille", "bottle"),
        Shelf("SPIRITUEUX", "Flasque", "flask"),
        Shelf("BIERE", "Canette", "can"),
        Shelf("VERRE A PIED", "Verre", "goblet"),
        Shelf("CARAFE", "Carafe", "carafe"),
    )),
    ("BRICOLAGE - OUTILLAGE - QUINCAILLERIE", (
        Shelf("MARTEAU", "Marteau", "hammer"),
        Shelf("PERCEUSE", "Perceuse", "drill"),
        Shelf("SCIE", "Scie", "saw"),
        Shelf("PINCEAU", "Pinceau", "brush"),
        Shelf("BOITE A OUTILS", "Boîte à outils", "toolbox"),
    )),
    ("HYGIENE - BEAUTE - PARFUM", (
        Shelf("PARFUM", "Eau de parfum", "perfume"),
        Shelf("CREME", "Crème", "tube"),
        Shelf("ROUGE A LEVRES", "Rouge à lèvres", "lipstick"),
        Shelf("POT DE SOIN", "Soin", "jar"),
        Shelf("MIROIR", "Miroir", "mirror"),
    )),
    ("AUTO - MOTO", (
        Shelf("PNEU", "Pneu", "tyre"),
        Shelf("CASQUE", "Casque", "helmet"),
        Shelf("BATTERIE AUTO", "Batterie", "car_battery"),
        Shelf("BIDON", "Huile", "canister"),
        Shelf("PLAQUE", "Plaque", "number_plate"),
    )),
    ("LITERIE", (
        Shelf("COUSSIN", "Coussin", "cushion"),
        Shelf("COUETTE", "Couette", "duvet"),
        Shelf("TAPIS", "Tapis", "rug"),
        Shelf("MATELAS", "Matelas", "mattress"),
        Shelf("TRAVERSIN", "Traversin", "bolster"),
    )),
    ("SPORT", (
        Shelf("RAQUETTE", "Raquette", "racket"),
        Shelf("HALTERE", "Haltère", "dumbbell"),
        Shelf("PLANCHE", "Planche", "board"),
        Shelf("TENTE", "Tente", "tent"),
        Shelf("GOURDE", "Gourde", "sport_bottle"),
    )),
    ("INSTRUMENT DE MUSIQUE", (
        Shelf("GUITARE", "Guitare", "guitar"),
        Shelf("PERCUSSION", "Tambour", "drum"),
        Shelf("PIANO - SYNTHETISEUR", "Synthétiseur", "synthesizer"),
        Shelf("ENCEINTE", "Enceinte", "speaker"),
        Shelf("MARACAS", "Maracas", "maraca"),
    )),
)  # fmt: skip
