//! What a node should do about what it sees. Pure: the same sight gives the same plan.

use std::collections::HashMap;

use super::placement::home;
use super::view::{Me, Node, NodeState, View};
use crate::db::Ownership;
use crate::domain::{Fence, InstanceId};

/// Why an instance is claimed; the label of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It was this node's before it started.
    Own,
    /// Nobody has it.
    Free,
    /// Who has it is dead.
    Takeover,
}

impl Reason {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Free => "free",
            Self::Takeover => "takeover",
        }
    }
}

/// What a node has in its hands.
pub type Held = HashMap<InstanceId, Fence>;

/// What to do.
#[derive(Default, PartialEq, Debug)]
pub struct Plan {
    /// To take, each with the fence that it has now.
    pub claims: Vec<(InstanceId, Fence, Reason)>,
    /// In hand, and should be on another node.
    pub moves: Vec<(InstanceId, Node)>,
    /// In hand, but somebody else's by now, or deleted.
    pub lost: Vec<InstanceId>,
    /// Rows that name this node, which does not have them and should not.
    pub disown: Vec<(InstanceId, Fence)>,
    /// Instances without a live owner, whoever may take them.
    pub unowned: usize,
}

/// Compares what is with what should be. `owners` are the rows of this node's client name; `held` is
/// what was in hand *before* they were read, so that what is claimed meanwhile is not taken for lost.
pub fn plan(me: &Me, view: &View, owners: &[Ownership], held: &Held) -> Plan {
    let mut plan = Plan::default();
    let mut gone = held.clone();
    for row in owners {
        gone.remove(&row.id);
        let home = home(view, &row.client_name, row.name.as_str(), row.pinned.as_ref());
        let is_home = home.is_some_and(|node| node.me.id == me.id);
        match (held.get(&row.id), &row.owner) {
            (Some(fence), _) if row.fence > *fence => plan.lost.push(row.id),
            (Some(_), _) => plan
                .moves
                .extend(home.filter(|_| !is_home && leaves(me, view)).map(|node| (row.id, node.clone()))),
            (None, Some(owner)) if *owner == me.id => {
                if is_home || home.is_none() {
                    plan.claims.push((row.id, row.fence, Reason::Own));
                } else {
                    plan.disown.push((row.id, row.fence));
                }
            }
            (None, None) => {
                plan.unowned += 1;
                if is_home {
                    plan.claims.push((row.id, row.fence, Reason::Free));
                }
            }
            (None, Some(owner)) if view.node(&me.client_name, owner).is_none() => {
                plan.unowned += 1;
                if is_home && view.settled {
                    plan.claims.push((row.id, row.fence, Reason::Takeover));
                }
            }
            (None, Some(_)) => {}
        }
    }
    plan.lost.extend(gone.into_keys());
    plan
}

/// Whether instances of this node follow the placement: a cordoned node keeps what it has.
fn leaves(me: &Me, view: &View) -> bool {
    view.node(&me.client_name, &me.id).is_none_or(|node| node.state != NodeState::Cordoned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::NodeId;

    fn me(id: &str) -> Me {
        Me { id: NodeId(id.into()), client_name: "a".into(), url: String::new(), weight: 1 }
    }

    fn view(ids: &[&str], settled: bool) -> View {
        let node = |id: &&str| Node { me: me(id), state: NodeState::Active, age: Duration::ZERO };
        View { nodes: ids.iter().map(node).collect(), settled }
    }

    fn row(name: &str, owner: Option<&str>, fence: i64) -> Ownership {
        Ownership {
            id: InstanceId::random(),
            name: name.parse().unwrap(),
            client_name: "a".into(),
            owner: owner.map(|id| NodeId(id.into())),
            pinned: None,
            fence: Fence(fence),
            paired: true,
        }
    }

    fn homed(view: &View, at: &str) -> String {
        let names = (0..).map(|number| format!("instance-{number}"));
        names.into_iter().find(|name| home(view, "a", name, None).unwrap().me.id.0 == at).unwrap()
    }

    #[test]
    fn a_dead_owner_is_replaced_once_absence_proves_death() {
        for settled in [false, true] {
            let view = view(&["x", "y"], settled);
            let rows = [row(&homed(&view, "x"), Some("dead"), 7)];
            let plan = plan(&me("x"), &view, &rows, &Held::new());
            let claim = (rows[0].id, Fence(7), Reason::Takeover);
            assert_eq!(plan.claims, if settled { vec![claim] } else { vec![] });
            assert_eq!(plan.unowned, 1);
        }
    }

    #[test]
    fn what_a_live_node_has_is_left_alone_and_what_is_free_goes_home() {
        let view = view(&["x", "y"], false);
        let (mine, theirs) = (homed(&view, "x"), homed(&view, "y"));
        let rows = [
            row(&mine, Some("y"), 1),
            row(&mine, None, 2),
            row(&theirs, None, 3),
            row(&theirs, Some("x"), 4),
        ];
        let plan = plan(&me("x"), &view, &rows, &Held::new());
        assert_eq!(plan.claims, [(rows[1].id, Fence(2), Reason::Free)]);
        assert_eq!(plan.disown, [(rows[3].id, Fence(4))]);
    }

    #[test]
    fn what_is_in_hand_is_kept_moved_or_lost() {
        let mut view = view(&["x", "y"], true);
        let rows = [
            row(&homed(&view, "x"), Some("x"), 1),
            row(&homed(&view, "y"), Some("x"), 1),
            row(&homed(&view, "x"), Some("y"), 2),
        ];
        let deleted = InstanceId::random();
        let mut held: Held = rows.iter().map(|row| (row.id, Fence(1))).collect();
        held.insert(deleted, Fence(1));
        let planned = plan(&me("x"), &view, &rows, &held);
        assert_eq!(
            planned.moves.iter().map(|(id, to)| (*id, to.me.id.0.as_str())).collect::<Vec<_>>(),
            [(rows[1].id, "y")]
        );
        assert_eq!(planned.lost, [rows[2].id, deleted]);
        assert!(planned.claims.is_empty());
        view.nodes[0].state = NodeState::Cordoned;
        assert_eq!(plan(&me("x"), &view, &rows, &held).moves, []);
    }

    proptest! {
        /// Of the nodes that see the same, exactly one takes an instance that nobody alive has.
        #[test]
        fn one_node_takes_it(names in proptest::collection::vec("[a-z]{1,8}", 1..20), count in 1..5usize) {
            let ids = ["v", "w", "x", "y", "z"];
            let view = view(&ids[..count], true);
            let rows: Vec<Ownership> = names.iter().map(|name| row(name, None, 1)).collect();
            let mut taken = 0;
            for id in &ids[..count] {
                taken += plan(&me(id), &view, &rows, &Held::new()).claims.len();
            }
            prop_assert_eq!(taken, rows.len());
        }
    }
}
