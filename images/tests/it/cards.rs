//! The cards that `etl-pipeline` embeds are what the components say.

use std::path::Path;

use etl_testkit::run::{Cmd, golden};

#[test]
fn the_embedded_cards_are_those_of_the_components() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/etl-pipeline/cards");
    let components = xtask::components::all().expect("cargo metadata");
    for component in &components {
        let card = Cmd::bin(&component.name).arg("--describe").run();
        golden(folder.join(format!("{}.json", component.name)), &card.ok().stdout);
    }
    let cards = std::fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(cards, components.len(), "a card in {} is of no component", folder.display());
}
