//! Node.
fn main(){}
