//! `trainyard stats`: what data is like.

use super::reading::Reading;
use super::table;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use trainyard::features::profile::{Hint, Profile, distances, hints, shared_rows};
use trainyard::features::validation::DataSchema;
use trainyard::store::file::atomic_write;
use trainyard::train::report::{DataReport, NamedProfile};

/// Look at all rows of data: print what its columns are like and write a page of pictures.
#[derive(Debug, Args)]
pub struct Stats {
    /// Files, directories or patterns with rows, or a file that `--save` wrote.
    data: Vec<String>,
    #[command(flatten)]
    reading: Reading,
    /// The column that all others are compared with [default: the label of the spec].
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Other data to lay over it, the most different columns first. May be given several times.
    #[arg(long, value_name = "DATA")]
    compare: Vec<String>,
    /// The page to write.
    #[arg(long, short, value_name = "FILE", default_value = "stats.html")]
    output: PathBuf,
    /// Write the statistics to a file that `stats` and `validate` read in place of the data.
    #[arg(long, value_name = "FILE.json")]
    save: Option<PathBuf>,
    /// Read the data once: quantiles and histograms are then right to within 0.8 %.
    #[arg(long)]
    approximate: bool,
    /// Print the statistics as JSON.
    #[arg(long)]
    json: bool,
}

impl Stats {
    #[expect(clippy::print_stdout, reason = "results of the command")]
    pub fn run(self) -> Result<ExitCode> {
        if let Some(save) =
            self.save.as_ref().filter(|save| save.extension().is_none_or(|extension| extension != "json"))
        {
            anyhow::bail!("`--save {}` does not end in `.json`, by which it is told from data", save.display());
        }
        let profile = self.profile(&self.data)?;
        let other = if self.compare.is_empty() { None } else { Some(self.profile(&self.compare)?) };
        let hints = all_hints(&profile, other.as_ref());
        if let Some(save) = &self.save {
            atomic_write(save, profile.to_json()?.as_bytes())?;
        }
        self.write_page(&profile, other.as_ref(), &hints)?;
        if self.json {
            println!("{}", json(&profile, other.as_ref(), &hints)?);
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}", table::profile(&profile, other.as_ref()));
        hints.iter().for_each(|hint| println!("note: {}", hint.text));
        println!("page     {}", self.output.display());
        self.save.iter().for_each(|save| println!("saved    {}", save.display()));
        Ok(ExitCode::SUCCESS)
    }

    fn profile(&self, data: &[String]) -> Result<Profile> {
        let label = self.label.clone().map_or_else(|| self.reading.label(), |label| Ok(Some(label)))?;
        Ok(self.reading.profile(data, label.as_deref(), &DataSchema::default(), !self.approximate)?.profile)
    }

    fn write_page(&self, profile: &Profile, other: Option<&Profile>, hints: &[Hint]) -> Result<()> {
        let (name, other_name) = (self.name(), self.compare.join(", "));
        let data = NamedProfile { name: &name, profile };
        let other = other.map(|profile| NamedProfile { name: &other_name, profile });
        let html = DataReport { data, other, hints }.to_html();
        Ok(atomic_write(&self.output, html.as_bytes())?)
    }

    fn name(&self) -> String {
        if self.data.is_empty() { "training rows".to_owned() } else { self.data.join(", ") }
    }
}

/// Those of the data, and on rows that other data has, too.
fn all_hints(profile: &Profile, other: Option<&Profile>) -> Vec<Hint> {
    let mut all = hints(profile);
    let shared = other.and_then(|other| Some((shared_rows(profile, other)?, other.rows)));
    if let Some(((rows, exact), of)) = shared.filter(|((rows, _), _)| *rows > 0) {
        let about = if exact { "" } else { "about " };
        let text = format!(
            "{about}{rows} of the {of} rows of the other data stand in this data, too: do not learn from one and judge by the other"
        );
        all.push(Hint { column: None, text });
    }
    all
}

fn json(profile: &Profile, other: Option<&Profile>, hints: &[Hint]) -> Result<String> {
    let all = json!({
        "rows": profile.rows,
        "label": profile.label,
        "columns": profile.columns,
        "duplicate_rows": profile.duplicate_rows().map(|(rows, exact)| json!({ "rows": rows, "exact": exact })),
        "hints": hints,
        "compared_with": other.map(|other| json!({ "rows": other.rows, "columns": other.columns })),
        "distances": other.map(|other| distances(profile, other)),
    });
    Ok(serde_json::to_string_pretty(&all)?)
}
