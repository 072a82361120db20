//! `store`: writing all results as rows of SQLite, beside a copy of the same file by SQLite alone.

use crate::command::{RESPOOL, Table, check_words, timed};
use crate::inputs::{SPOOL, made, scratch};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

pub(crate) fn table() {
    let made = made(&SPOOL);
    let (database, copy) = (scratch("store.db"), scratch("store-copy.db"));
    let mut words = check_words(made.path(), "2");
    let without = timed(RESPOOL, &words);
    words.extend(["--db", database.to_str().unwrap()]);
    let with = timed(RESPOOL, &words);
    let (rows, bytes) = (rows(&database), fs::metadata(&database).unwrap().len());
    let mut table =
        Table::new(&format!("store: {rows} rows, {:.1} MB of SQLite", bytes as f64 / 1e6), bytes);
    let with = table.row("`respool check DIR ... --threads 2 --db FILE`", with);
    let without = table.row("the same without `--db`", without);
    table.row("`VACUUM INTO` of that file", vacuumed(&database, &copy));
    if let (Some(with), Some(without)) = (with, without) {
        let more_s = with.wall_s - without.wall_s;
        println!("\n{:.0} rows a second of what `--db` adds ({more_s:.2} s)", rows as f64 / more_s);
    }
}

/// Rows of all tables.
fn rows(database: &Path) -> i64 {
    let connection = Connection::open(database).unwrap();
    let list = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(list).unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let count = |name: String| {
        let query = format!("SELECT count(*) FROM \"{name}\"");
        connection.query_row(&query, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    names.map(|name| count(name.unwrap())).sum()
}

fn vacuumed(database: &Path, copy: &Path) -> Result<crate::command::Cost, String> {
    crate::floor::measured(|| {
        let _absent = fs::remove_file(copy);
        let connection = Connection::open(database).unwrap();
        connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    })
}
