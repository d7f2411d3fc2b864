"""The modules of PS3.3 that the Digital Signature Profiles name (PS3.15 annex C), as tables of their tags.

The lists are those of the 2019c edition, which DCMTK has too. Modules share attributes; each tag stands in the first
module that has it. Retired curves and the overlays are repeating groups: their tags are those of the lowest group.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _tags(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


MODULES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "SOP Class and Instance UIDs": _tags("00080016 00080018"),
        "SOP Creation Date and Time": _tags("00080012 00080013"),
        "Study and Series Instance UIDs": _tags("0020000D 0020000E"),
        "General Equipment": _tags(
            """
            00080070 00080080 00080081 00081010 00081040 00081041 00081090 00181000 00181020 00181008 0018100A
            00181002 00181050 00181200 00181201 00280120
            """
        ),
        "Overlay Plane": _tags(
            """
            60000010 60000011 60000040 60000050 60000100 60000102 60003000 60000022 60000045 60001500 60001301
            60001302 60001303
            """
        ),
        "Curve": _tags(
            """
            50000005 50000010 50000022 50000030 50000040 50000103 50000104 50000105 50000106 50000110 50000112
            50000114 50002500 50002600 50003000
            """
        ),
        "Graphic Annotation": _tags("00700001"),
        "General Image": _tags(
            """
            00200013 00200020 00080023 00080033 00080008 00200012 00080022 00080032 0008002A 00201002 00204000
            00280300 00280301 00280302 00282110 00282112 00282114 00880200 20500020 00083010 00409096 00200062
            00082218 00082228
            """
        ),
        "Image Pixel": _tags(
            """
            00280002 00280004 00280010 00280011 00280100 00280101 00280102 00280103 00280006 00280034 00280106
            00280107 00281101 00281102 00281103 00281201 00281202 00281203 00282000 00282002 7FE00010 00287FE0
            00280121 7FE00001 7FE00002
            """
        ),
        "SR Document General": _tags(
            """
            0040A496 0040A491 0040A492 0040A493 0040A073 0040A078 0040A07A 0040A07C 0040A360 0040A525 0040A370
            0040A372 0040A375 0040A385 0008114A
            """
        ),
        "SR Document Content": _tags("0040A040 0040A043 0040A050 0040A504 0040A032 0040A171 0040A730"),
        "Waveform": _tags("54000100 003A0230 003A0231 003A0240"),
        "Waveform Annotation": _tags("0040B020"),
        "Multi-frame Functional Groups": _tags(
            """
            52009229 52009230 00280008 00220028 00209228 00286010 00209161 00200242 00209162 00209163
            """
        ),
        "Enhanced MR Image": _tags(
            """
            00189073 00089121 0008113A 00089092 00089154 00089237 00189004 00189100 00189064 00180087 00189174
            00189175 300A012C 00181320 00089205 00089206 00089207 00089208 00089209 00189622 00540220 00540500
            """
        ),
        "MR Spectroscopy": _tags(
            """
            00189098 00189052 00189053 00189054 00189126 00189059 00189060 00189061 00189062 00189063 00189065
            00189066 00189067 00189101 00189198 00189199 00189297
            """
        ),
        "Raw Data": _tags("00700080 00700081 00089123"),
        "Enhanced CT Image": _tags("00189361"),
        "Enhanced XA/XRF Image": _tags("00189410 00189457 00189423 00189424 00180022 00540414 00109431 00089410"),
        "Segmentation Image": _tags("00480102 00620001 00620010 0062000E 00620013 00620002"),
        "Encapsulated Document": _tags("00420013 00420010 0040E008 0040E001 00420012 00420014 00420011 00420015"),
        "X-Ray 3D Image": _tags("00083011"),
        "Enhanced US Image": _tags(
            """
            00209311 0018980C 00281052 00281053 00082112 00081140 00082124 00082122 0040000A 00082133 00185010
            0018980D 0018980E 0018980F 00185020 00185022 00185024 00185026 00185027 00189801 00185050
            """
        ),
        "Surface Segmentation": _tags("00700087 00700084 00700086"),
        "Surface Mesh": _tags("00660001 00660002"),
        "Structured Display": _tags("00700082 00700083 00720100 00720102 00720420 00720421 00720002 00720008"),
        "Structured Display Annotation": _tags("00720424"),
        "Structured Display Image Box": _tags("00720422 00720430"),
        "Implant Template": _tags(
            """
            00200052 00221095 00686210 00221097 00686221 00686222 00686223 00686225 00686224 00686226 00686230
            00686265 00686260 006862A0 006862A5 006863A0 006863A4 006863A8 006863AC
            """
        ),
        "Implant Assembly Template": _tags(
            """
            00760001 00760003 00760006 00760008 0076000A 0076000C 0076000E 00760010 00760020 00760030 00760032
            00760060
            """
        ),
        "Implant Template Group": _tags("00780001 00780010 00780020 00780024 00780026 00780028 0078002A 007800B0"),
        "Point Cloud": _tags("00660011 00800006 00800007"),
        "Enhanced Mammography Image": _tags(
            """
            00181500 00181508 00180060 00189330 00189328 00189332 00181190 00181191 001811A0 001811A2 001811A3
            001811A5 001811A4 00187060 00187062 00400316 00408302 00408303 00540202
            """
        ),
        "Tractography Results": _tags("00660101"),
        "Volumetric Graphic Annotation": _tags("00701901 00701905"),
    }
)

OVERLAY_PLANE = "Overlay Plane"
CURVE = "Curve"
REPEATING = frozenset((OVERLAY_PLANE, CURVE))
"""Modules whose tags stand in every even group of their range (PS3.5 7.6)."""

LAST_REPETITION = 0x1E
"""Repeating groups are gg00, gg02 and so on up to gg1E."""
