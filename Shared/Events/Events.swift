/// Filled in below.
