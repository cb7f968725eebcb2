//! On which node an instance should be: weighted rendezvous hashing. Every node comes to the same
//! answer by itself, and a node that joins or leaves moves only what is its own share.

use sha2::{Digest as _, Sha256};

use super::view::{Node, NodeState, View};
use crate::domain::NodeId;

/// The node of an instance: the one it is pinned to, while that is alive and not draining, or the
/// highest score among the active ones. `None` when no node of the client name takes instances.
pub fn home<'a>(view: &'a View, client_name: &str, name: &str, pinned: Option<&NodeId>) -> Option<&'a Node> {
    let nodes = || view.nodes.iter().filter(|node| node.me.client_name == client_name);
    let pinned = pinned.and_then(|id| nodes().find(|node| node.me.id == *id));
    if let Some(node) = pinned.filter(|node| node.state != NodeState::Draining) {
        return Some(node);
    }
    nodes()
        .filter(|node| node.state == NodeState::Active && node.me.weight > 0)
        .max_by(|a, b| score(&a.me.id, a.me.weight, name).total_cmp(&score(&b.me.id, b.me.weight, name)))
}

/// `-weight / ln(h)` of a uniform `h`: the chance to be the highest is the share of the weight.
fn score(node: &NodeId, weight: u32, name: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update((node.0.len() as u64).to_be_bytes());
    hash.update(&node.0);
    hash.update(name);
    let mut start = [0; 8];
    start.copy_from_slice(&hash.finalize()[..8]);
    // 53 bits are what a float holds; never 0 and never 1.
    let uniform = ((u64::from_be_bytes(start) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -f64::from(weight) / uniform.ln()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::cluster::view::Me;

    fn node(id: &str, weight: u32, state: NodeState) -> Node {
        let me = Me { id: NodeId(id.into()), client_name: "a".into(), url: String::new(), weight };
        Node { me, state, age: Duration::ZERO }
    }

    fn view(nodes: &[(&str, u32)]) -> View {
        let nodes = nodes.iter().map(|(id, weight)| node(id, *weight, NodeState::Active)).collect();
        View { nodes, settled: true }
    }

    fn shares(view: &View) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for number in 0..10_000 {
            let home = home(view, "a", &format!("instance-{number}"), None).unwrap();
            *shares.entry(home.me.id.0.clone()).or_default() += 1;
        }
        shares
    }

    #[test]
    fn shares_follow_the_weights() {
        let shares = shares(&view(&[("x", 1), ("y", 2), ("z", 1), ("none", 0)]));
        assert!((2_300..2_700).contains(&shares["x"]), "{shares:?}");
        assert!((4_800..5_200).contains(&shares["y"]), "{shares:?}");
        assert_eq!(shares.len(), 3);
    }

    #[test]
    fn a_pin_counts_while_its_node_takes_it() {
        let mut view = view(&[("x", 1), ("y", 1)]);
        let (pinned, name) = (NodeId("x".into()), "some instance");
        assert_eq!(home(&view, "a", name, Some(&pinned)).unwrap().me.id, pinned);
        view.nodes[0].state = NodeState::Cordoned;
        assert_eq!(home(&view, "a", name, Some(&pinned)).unwrap().me.id, pinned);
        view.nodes[0].state = NodeState::Draining;
        assert_eq!(home(&view, "a", name, Some(&pinned)).unwrap().me.id.0, "y");
        assert_eq!(home(&view, "another client", name, None), None);
    }

    proptest! {
        #[test]
        fn a_node_that_joins_takes_and_gives_nothing_else(
            ids in proptest::collection::btree_set("[a-f]{1,3}", 1..6),
            name in "\\PC{1,20}",
        ) {
            let nodes: Vec<(&str, u32)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
            let before = view(&nodes);
            let mut after = before.clone();
            after.nodes.push(node("joined", 1, NodeState::Active));
            let (was, is) = (home(&before, "a", &name, None), home(&after, "a", &name, None));
            prop_assert!(is == was || is.unwrap().me.id.0 == "joined");
        }
    }
}
