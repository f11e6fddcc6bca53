//! Values in, the fields of binary COPY out.
