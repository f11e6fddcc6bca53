mod conformance;
mod fields;
mod gaps;
mod values;
