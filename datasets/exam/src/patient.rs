//! Who the images are of.
//!
//! Invariant: no identity reaches a log, a metric, a trace or a panic message. The types here print `[redacted]` in
//! `Debug` and have no `Display`; whoever needs the value to show it to an authorised reader says so by name,
//! [`PatientName::reveal`].

use std::fmt;

use crate::fold::fold;

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a value as decoded from the file; trailing padding is removed. `None` if nothing is left.
            pub fn new(text: &str) -> Option<Self> {
                let text = text.trim_matches(['\0', ' ']);
                (!text.is_empty()).then(|| Self(text.to_owned()))
            }

            /// The value itself. Never give it to a log, a metric, a trace or an error.
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

identity!(
    /// Patient ID (0010,0020).
    PatientId
);
identity!(
    /// Patient's Name (0010,0010), decoded from its character set, component groups separated by `=`.
    PatientName
);
identity!(
    /// Patient's Birth Date (0010,0030), `YYYYMMDD`.
    BirthDate
);
identity!(
    /// Series Description (0008,103E). Free text: people type names into it.
    SeriesDescription
);

impl PatientName {
    /// The first component group that has letters, without padding, case and script. An identity, as the name is.
    fn compared(&self) -> String {
        self.0.split('=').map(fold).find(|group| !group.is_empty()).unwrap_or_default()
    }
}

/// What identifies a patient in the files of one sender.
///
/// Two files are of the same patient when ID, issuer and birth date are equal; names prove nothing beside an ID that
/// both have, they are spelt, transliterated and married differently from one day to the next. Where nothing proves it,
/// two names are two patients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// Patient ID (0010,0020).
    pub id: Option<PatientId>,
    /// Issuer of Patient ID (0010,0021).
    pub issuer: Option<PatientId>,
    /// Patient's Birth Date (0010,0030).
    pub birth_date: Option<BirthDate>,
    /// Patient's Name (0010,0010).
    pub name: Option<PatientName>,
}

impl Patient {
    /// Whether both can be one person. A value that one file lacks contradicts nothing; two values that differ do.
    pub fn agrees_with(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        let proven = self.id.is_some() && self.id == other.id;
        let named = |patient: &Self| patient.name.as_ref().map(PatientName::compared).filter(|name| !name.is_empty());
        agree(&self.id, &other.id)
            && agree(&self.issuer, &other.issuer)
            && agree(&self.birth_date, &other.birth_date)
            && (proven || agree(&named(self), &named(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(id: &str, issuer: &str, birth_date: &str) -> Patient {
        Patient {
            id: PatientId::new(id),
            issuer: PatientId::new(issuer),
            birth_date: BirthDate::new(birth_date),
            name: PatientName::new("Јовановић^Љиљана"),
        }
    }

    #[test]
    fn identity_is_redacted() {
        let shown = format!("{:?}", patient("12345", "RFZO", "19600101"));
        for secret in ["12345", "RFZO", "1960", "Јовановић"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn two_different_values_are_two_patients() {
        let check = |a: Patient, b: Patient, same: bool| {
            assert_eq!(a.agrees_with(&b), same);
            assert_eq!(b.agrees_with(&a), same);
        };
        check(patient("1", "", ""), patient("1", "", ""), true);
        check(patient("1 ", "", ""), patient("1", "A", "19600101"), true);
        check(patient("1", "", ""), patient("2", "", ""), false);
        check(patient("1", "A", ""), patient("1", "B", ""), false);
        check(patient("1", "A", "19600101"), patient("1", "A", "19610101"), false);
    }

    #[test]
    fn without_an_id_names_decide() {
        let named = |id: &str, name: &str| Patient {
            id: PatientId::new(id),
            issuer: None,
            birth_date: None,
            name: PatientName::new(name),
        };
        let check = |a: Patient, b: Patient, same: bool| {
            assert_eq!(a.agrees_with(&b), same);
            assert_eq!(b.agrees_with(&a), same);
        };
        check(named("", "Jovanović^Ana"), named("", "Petrović^Mila"), false);
        check(named("1", "Jovanović^Ana"), named("", "Petrović^Mila"), false);
        check(named("", "Jovanović^Ana"), named("", "Jovanović^Mila"), false);
        // A proven ID outweighs a spelling.
        check(named("1", "Jovanović^Ana"), named("1", "Petrović^Ana"), true);
        check(named("", "Jovanović^Ana"), named("", " JOVANOVIĆ ^ANA^^^"), true);
        check(named("", "Јовановић^Љиљана"), named("", "Jovanović^Ljiljana"), true);
        check(named("", "Jovanović^Ana"), named("", "Jovanović^Ana=Јовановић^Ана"), true);
        check(named("", "=Јовановић^Ана"), named("", "Jovanović^Ana"), true);
        check(named("", "Jovanović^Ana"), named("", ""), true);
        check(named("", "Jovanović^Ana"), named("", "^"), true);
    }
}
