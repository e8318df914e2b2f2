//! Everything that this plugin declares under one name.

use lockstep_sdk::{Declare, DeclareHttp, DeclareMade};

/// Everything that a plan of this plugin declares.
pub(crate) trait Declares: Declare + DeclareHttp + DeclareMade {}

impl<D> Declares for D where D: Declare + DeclareHttp + DeclareMade {}
