//! Concepts of measurement reports (PS3.16 TID 1500, 1501, 1410, 1411, 1419 and their context groups).

use super::code::Code;

macro_rules! concepts {
    ($($(#[$doc:meta])* $name:ident = $value:literal $scheme:literal $meaning:literal;)*) => {
        $($(#[$doc])* #[allow(missing_docs, reason = "the code's meaning says it")]
        pub const $name: Code = Code::constant($value, $scheme, $meaning);)*
    };
}

concepts! {
    IMAGING_MEASUREMENT_REPORT = "126000" "DCM" "Imaging Measurement Report";
    IMAGING_MEASUREMENTS = "126010" "DCM" "Imaging Measurements";
    MEASUREMENT_GROUP = "125007" "DCM" "Measurement Group";
    IMAGE_LIBRARY = "111028" "DCM" "Image Library";
    IMAGE_LIBRARY_GROUP = "126200" "DCM" "Image Library Group";
    LANGUAGE = "121049" "DCM" "Language of Content Item and Descendants";
    ENGLISH = "en" "RFC5646" "English";
    OBSERVER_TYPE = "121005" "DCM" "Observer Type";
    PERSON = "121006" "DCM" "Person";
    DEVICE = "121007" "DCM" "Device";
    PERSON_OBSERVER_NAME = "121008" "DCM" "Person Observer Name";
    DEVICE_OBSERVER_UID = "121012" "DCM" "Device Observer UID";
    DEVICE_OBSERVER_NAME = "121013" "DCM" "Device Observer Name";
    DEVICE_OBSERVER_MANUFACTURER = "121014" "DCM" "Device Observer Manufacturer";
    DEVICE_OBSERVER_MODEL = "121015" "DCM" "Device Observer Model Name";
    DEVICE_OBSERVER_SERIAL = "121016" "DCM" "Device Observer Serial Number";
    PROCEDURE_REPORTED = "121058" "DCM" "Procedure reported";
    /// Procedure of a report whose study names none (CID 100).
    IMAGING_PROCEDURE = "363679005" "SCT" "Imaging procedure";
    TRACKING_IDENTIFIER = "112039" "DCM" "Tracking Identifier";
    TRACKING_UID = "112040" "DCM" "Tracking Unique Identifier";
    ACTIVITY_SESSION = "C67447" "NCIt" "Activity Session";
    FINDING_CATEGORY = "276214006" "SCT" "Finding category";
    FINDING = "121071" "DCM" "Finding";
    FINDING_SITE = "363698007" "SCT" "Finding Site";
    LATERALITY = "272741003" "SCT" "Laterality";
    MEASUREMENT_METHOD = "370129005" "SCT" "Measurement Method";
    IMAGE_REGION = "111030" "DCM" "Image Region";
    VOLUME_SURFACE = "121231" "DCM" "Volume Surface";
    REFERENCED_SEGMENTATION_FRAME = "121214" "DCM" "Referenced Segmentation Frame";
    REFERENCED_SEGMENT = "121191" "DCM" "Referenced Segment";
    SOURCE_IMAGE_FOR_SEGMENTATION = "121233" "DCM" "Source image for segmentation";
    SOURCE_SERIES_FOR_SEGMENTATION = "121232" "DCM" "Source series for segmentation";
    SOURCE_IMAGE = "121324" "DCM" "Source Image";
    SOURCE_OF_MEASUREMENT = "121112" "DCM" "Source of Measurement";
    DERIVATION = "121401" "DCM" "Derivation";
    COMMENT = "121106" "DCM" "Comment";
    LENGTH = "410668003" "SCT" "Length";
    LONG_AXIS = "103339001" "SCT" "Long Axis";
    SHORT_AXIS = "103340004" "SCT" "Short Axis";
    ANGLE = "1483009" "SCT" "Angle";
    COBB_ANGLE = "285285000" "SCT" "Cobb angle";
    AREA = "42798000" "SCT" "Area";
    AREA_OF_DEFINED_REGION = "131184002" "SCT" "Area of defined region";
    VOLUME = "118565006" "SCT" "Volume";
    MEAN = "373098007" "SCT" "Mean";
    MINIMUM = "255605001" "SCT" "Minimum";
    MAXIMUM = "56851009" "SCT" "Maximum";
    STANDARD_DEVIATION = "386136009" "SCT" "Standard Deviation";
    XRAY_ATTENUATION = "110850" "DCM" "X-Ray Attenuation";
    SUV_BODY_WEIGHT = "126401" "DCM" "SUVbw";
    SUV_BODY_WEIGHT_UNIT = "g/ml{SUVbw}" "UCUM" "Standardized Uptake Value body weight";
    SUV_LEAN_BODY_MASS = "126402" "DCM" "SUVlbm";
    SUV_LEAN_BODY_MASS_UNIT = "g/ml{SUVlbm}" "UCUM" "Standardized Uptake Value lean body mass (James)";
    SUV_LEAN_BODY_MASS_JANMA = "126405" "DCM" "SUVlbm(Janma)";
    SUV_LEAN_BODY_MASS_JANMA_UNIT = "g/ml{SUVlbm(Janma)}" "UCUM" "Standardized Uptake Value lean body mass (Janma)";
    SUV_BODY_SURFACE = "126403" "DCM" "SUVbsa";
    SUV_BODY_SURFACE_UNIT = "cm2/ml{SUVbsa}" "UCUM" "Standardized Uptake Value body surface area";
    /// A quantity whose mapping does not say what it is.
    REAL_WORLD_VALUE = "REAL_WORLD_VALUE" "99MEDSIGHT" "Real world value";
    MILLIMETER = "mm" "UCUM" "millimeter";
    CENTIMETER = "cm" "UCUM" "centimeter";
    SQUARE_MILLIMETER = "mm2" "UCUM" "square millimeter";
    SQUARE_CENTIMETER = "cm2" "UCUM" "square centimeter";
    CUBIC_MILLIMETER = "mm3" "UCUM" "cubic millimeter";
    DEGREE = "deg" "UCUM" "degree";
    HOUNSFIELD = "[hnsf'U]" "UCUM" "Hounsfield unit";
    PIXELS = "{pixels}" "UCUM" "pixels";
    NO_UNITS = "1" "UCUM" "no units";
}
