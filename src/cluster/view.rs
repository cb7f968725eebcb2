//! Nodes, and what one of them sees of the others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::NodeId;

/// Whether a node takes instances.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// It does.
    #[default]
    Active,
    /// It keeps what it has and takes no more.
    Cordoned,
    /// It gives away everything that it has.
    Draining,
}

impl NodeState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Cordoned, Self::Draining];

    /// The word on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cordoned => "cordoned",
            Self::Draining => "draining",
        }
    }
}

/// What a node says about itself and that does not change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Its name, unique among the nodes of its client name.
    pub id: NodeId,
    /// Whose instances it loads.
    pub client_name: String,
    /// Base URL by which other nodes reach it.
    pub url: String,
    /// Share of instances relative to other nodes; zero takes none.
    pub weight: u32,
}

/// A node that is alive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Who it is.
    #[serde(flatten)]
    pub me: Me,
    /// Whether it takes instances.
    pub state: NodeState,
    /// Since its last sign of life.
    #[serde(skip)]
    pub age: Duration,
}

/// The nodes of all client names that are alive, as one of them saw them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// The nodes, in the order of their ids.
    pub nodes: Vec<Node>,
    /// Whether absence proves death: everybody has had the time to show itself.
    pub settled: bool,
}

impl View {
    /// Nobody else is known, and nobody is known to be dead.
    #[must_use]
    pub fn alone(me: &Me) -> Self {
        let own = Node { me: me.clone(), state: NodeState::Active, age: Duration::ZERO };
        Self { nodes: vec![own], settled: false }
    }

    /// A live node.
    #[must_use]
    pub fn node(&self, client_name: &str, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.me.id == *id && node.me.client_name == client_name)
    }

    /// The live nodes of a client name.
    pub fn of<'a>(&'a self, client_name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.me.client_name == client_name)
    }

    /// This view, with whom another one knew: as long as absence proves nothing, as after Redis was
    /// emptied, requests still find the nodes that have not shown themselves again.
    #[must_use]
    pub fn remembering(mut self, known: &Self) -> Self {
        if !self.settled {
            let missing =
                known.nodes.iter().filter(|node| self.node(&node.me.client_name, &node.me.id).is_none());
            let missing: Vec<Node> = missing.cloned().collect();
            self.nodes.extend(missing);
            self.nodes.sort_by(|one, other| one.me.id.0.cmp(&other.me.id.0));
        }
        self
    }

    /// Whether two views place every instance alike.
    #[must_use]
    pub fn same_placement(&self, other: &Self) -> bool {
        let shape = |view: &Self| -> Vec<(Me, NodeState)> {
            view.nodes.iter().map(|node| (node.me.clone(), node.state)).collect()
        };
        self.settled == other.settled && shape(self) == shape(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(ids: &[&str], settled: bool) -> View {
        let me = |id: &&str| Me {
            id: NodeId((*id).to_owned()),
            client_name: "a".to_owned(),
            url: format!("http://{id}"),
            weight: 1,
        };
        let node = |id: &&str| Node { me: me(id), state: NodeState::Active, age: Duration::ZERO };
        View { nodes: ids.iter().map(node).collect(), settled }
    }

    #[test]
    fn who_is_missing_is_remembered_until_absence_proves_death() {
        let known = view(&["one", "two"], true);
        assert_eq!(view(&["one"], false).remembering(&known), view(&["one", "two"], false));
        assert_eq!(view(&["two", "zwei"], false).remembering(&known), view(&["one", "two", "zwei"], false));
        assert_eq!(view(&["one"], true).remembering(&known), view(&["one"], true));
    }
}
