//! The engine against fakes of everything outside: what it refuses, what it records, and what it does when interrupted.

#[cfg(test)]
mod admit;
mod begun;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod composite;
#[cfg(test)]
mod conversion;
#[cfg(test)]
mod effects;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fold;
#[cfg(test)]
mod following;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod forget;
#[cfg(test)]
mod freeze;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod sections;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod steps;
mod stopped;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod unseen;
#[cfg(test)]
mod watches;
#[cfg(test)]
mod windows;
