//! Which breast, seen from where: PS3.16 CID 4014 (views) and CID 4015 (view modifiers).

use std::fmt;

/// The imaged breast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Laterality {
    /// The patient's left breast, `L`.
    Left,
    /// The patient's right breast, `R`.
    Right,
}

impl Laterality {
    /// Both, in the order in which they are listed everywhere.
    pub const ALL: [Self; 2] = [Self::Left, Self::Right];

    /// `L` or `R`, as in (0020,0062).
    pub fn letter(self) -> &'static str {
        match self {
            Self::Left => "L",
            Self::Right => "R",
        }
    }
}

impl fmt::Display for Laterality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// An enumeration of coded concepts: the code in SNOMED CT, that in the retired schemes, a short English name.
macro_rules! codes {
    ($(#[$about:meta])* $enum:ident { $($(#[$doc:meta])* $name:ident $sct:literal $srt:literal $short:literal;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum {
            $($(#[$doc])* $name,)*
        }

        impl $enum {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The SNOMED CT code (scheme `SCT`).
            pub fn sct(self) -> &'static str {
                match self { $(Self::$name => $sct,)* }
            }

            /// The retired SNOMED RT code (schemes `SRT`, `SNM3` and `99SDM`).
            pub fn srt(self) -> &'static str {
                match self { $(Self::$name => $srt,)* }
            }

            /// A short English name; of a view, the abbreviation that View Position (0018,5101) uses.
            pub fn short(self) -> &'static str {
                match self { $(Self::$name => $short,)* }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.short())
            }
        }
    };
}

codes! {
    /// A mammographic view (PS3.16 CID 4014 "View for Mammography").
    ///
    /// `ML` and `MLO` are different views and are never taken for each other.
    View {
        /// Cranio-caudal: a standard screening view.
        CranioCaudal "399162004" "R-10242" "CC";
        /// Medio-lateral oblique: a standard screening view.
        MedioLateralOblique "399368009" "R-10226" "MLO";
        /// Medio-lateral, the "true lateral" from the inside.
        MedioLateral "399260004" "R-10224" "ML";
        /// Latero-medial, the "true lateral" from the outside.
        LateroMedial "399352003" "R-10228" "LM";
        /// Latero-medial oblique.
        LateroMedialOblique "399099002" "R-10230" "LMO";
        /// Caudo-cranial, "from below".
        CaudoCranial "399196006" "R-10244" "FB";
        /// Superolateral to inferomedial oblique.
        SuperolateralInferomedialOblique "399188001" "R-102D0" "SIO";
        /// Inferomedial to superolateral oblique.
        InferomedialSuperolateralOblique "441555000" "R-40AAA" "ISO";
        /// Cranio-caudal exaggerated laterally.
        ExaggeratedCranioCaudalLateral "399192008" "R-1024A" "XCCL";
        /// Cranio-caudal exaggerated medially.
        ExaggeratedCranioCaudalMedial "399101009" "R-1024B" "XCCM";
        /// A specimen taken out of the breast.
        Specimen "127457009" "G-8310" "SPECIMEN";
    }
}

impl View {
    /// Whether a screening exam consists of this view: CC or MLO.
    pub fn is_standard(self) -> bool {
        matches!(self, Self::CranioCaudal | Self::MedioLateralOblique)
    }
}

codes! {
    /// What was special about a view (PS3.16 CID 4015 "View Modifier for Mammography").
    ViewModifier {
        /// Cleavage view, both breasts' medial parts.
        Cleavage "399161006" "R-102D2" "cleavage";
        /// Axillary tail.
        AxillaryTail "399011000" "R-102D1" "axillary tail";
        /// Rolled laterally.
        RolledLateral "399197002" "R-102D3" "rolled lateral";
        /// Rolled medially.
        RolledMedial "399226006" "R-102D4" "rolled medial";
        /// Rolled inferiorly.
        RolledInferior "414493004" "R-102CA" "rolled inferior";
        /// Rolled superiorly.
        RolledSuperior "415670009" "R-102C9" "rolled superior";
        /// Eklund: the implant pushed back, the breast alone compressed.
        ImplantDisplaced "399209000" "R-102D5" "implant displaced";
        /// Geometric magnification.
        Magnification "399163009" "R-102D6" "magnification";
        /// Spot compression.
        SpotCompression "399055006" "R-102D7" "spot compression";
        /// Tangential to a finding on the skin.
        Tangential "399110001" "R-102C2" "tangential";
        /// Nipple in profile.
        NippleInProfile "442581004" "R-40AB3" "nipple in profile";
        /// Anterior compression.
        AnteriorCompression "441752004" "P2-00161" "anterior compression";
        /// Inframammary fold.
        InframammaryFold "442593008" "R-40ABE" "inframammary fold";
        /// Axillary tissue.
        AxillaryTissue "442580003" "R-40AB2" "axillary tissue";
    }
}

impl ViewModifier {
    /// Whether an image with this modifier may still stand for its standard view.
    ///
    /// Only a nipple in profile, which is how a standard view should look, and the implant-displaced view, whose use
    /// the package decides (see [`crate::Rules`]), leave a view standard.
    pub fn leaves_view_standard(self) -> bool {
        match self {
            Self::NippleInProfile | Self::ImplantDisplaced => true,
            Self::Cleavage
            | Self::AxillaryTail
            | Self::RolledLateral
            | Self::RolledMedial
            | Self::RolledInferior
            | Self::RolledSuperior
            | Self::Magnification
            | Self::SpotCompression
            | Self::Tangential
            | Self::AnteriorCompression
            | Self::InframammaryFold
            | Self::AxillaryTissue => false,
        }
    }
}
