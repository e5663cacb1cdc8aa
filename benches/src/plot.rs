//! Line plots as SVG files: of one size, and on white, to be read on a dark page as well.

use std::fs;
use std::path::Path;

use bench::scene::Outcome;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

const SIZE: (u32, u32) = (640, 360);

/// Colours that differ in brightness too.
const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 181), RGBColor(220, 90, 20)];

type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What a plot shows.
pub(crate) struct Plot {
    /// The file's name, without its ending.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) title: &'static str,
    /// What grows.
    pub(crate) x: &'static str,
    /// What is measured, with its unit.
    pub(crate) y: &'static str,
    /// The lines.
    pub(crate) lines: Vec<Line>,
}

/// A line of a plot.
pub(crate) struct Line {
    /// What the legend calls it.
    pub(crate) name: &'static str,
    /// Its points, from left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Plot {
    /// Writes the plot into a directory, and returns its data as a Markdown table.
    pub(crate) fn write(&self, directory: &Path) -> Outcome<String> {
        let mut svg = String::new();
        self.draw(&mut svg)?;
        fs::create_dir_all(directory)?;
        fs::write(directory.join(self.name).with_extension("svg"), svg)?;
        Ok(self.table())
    }

    fn draw(&self, svg: &mut String) -> Outcome<()> {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (right, top) = self.corner();
        let mut axes = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .margin_right(24)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..right, 0.0..top)?;
        axes.configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .label_style(("sans-serif", 13))
            .axis_desc_style(("sans-serif", 14))
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_label_formatter(&number)
            .y_label_formatter(&number)
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            line.draw(&mut axes, *colour)?;
        }
        if self.lines.len() > 1 {
            axes.configure_series_labels()
                .position(SeriesLabelPosition::LowerRight)
                .label_font(("sans-serif", 13))
                .background_style(WHITE)
                .border_style(RGBColor(160, 160, 160))
                .draw()?;
        }
        area.present()?;
        Ok(())
    }

    /// Where the axes end: they begin at zero, so that heights can be compared.
    fn corner(&self) -> (f64, f64) {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let (right, top) =
            points.fold((0.0_f64, 0.0_f64), |(right, top), (x, y)| (right.max(*x), top.max(*y)));
        (right * 1.02, top * 1.15)
    }

    fn table(&self) -> String {
        let names: String = self.lines.iter().map(|line| format!(" {} |", line.name)).collect();
        let rule = "---|".repeat(self.lines.len());
        let mut table =
            format!("{}, {}\n\n| {} |{names}\n|---|{rule}\n", self.title, self.y, self.x);
        let longest = self.lines.iter().max_by_key(|line| line.points.len());
        for (x, _) in longest.iter().flat_map(|line| &line.points) {
            let values: String = self.lines.iter().map(|line| line.cell(*x)).collect();
            table.push_str(&format!("| {} |{values}\n", number(x)));
        }
        table
    }
}

impl Line {
    fn draw<'a>(&self, axes: &mut Axes<'a, 'a>, colour: RGBColor) -> Outcome<()> {
        let style = colour.stroke_width(2);
        axes.draw_series(LineSeries::new(self.points.iter().copied(), style).point_size(3))?
            .label(self.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        Ok(())
    }

    fn cell(&self, x: f64) -> String {
        let point = self.points.iter().find(|point| point.0 == x);
        point.map_or(" – |".to_owned(), |(_, y)| format!(" {y:.2} |"))
    }
}

/// Writes a number with no more places than it needs.
fn number(value: &f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let line = |name, points: &[(f64, f64)]| Line { name, points: points.to_vec() };
        Plot {
            name: "plot",
            title: "A plot",
            x: "rules",
            y: "ms",
            lines: vec![line("all", &[(1.0, 0.5), (2.5, 1.0)]), line("some", &[(1.0, 2.0)])],
        }
    }

    #[test]
    fn tells_what_it_shows_as_a_table() {
        assert_eq!(
            plot().table(),
            "A plot, ms\n\n| rules | all | some |\n|---|---|---|\n| 1 | 0.50 | 2.00 |\n| 2.5 | 1.00 | – |\n"
        );
    }

    #[test]
    fn is_small_on_white_and_the_same_each_time() {
        let draw = || {
            let mut svg = String::new();
            plot().draw(&mut svg).unwrap();
            svg
        };
        let svg = draw();
        assert!(svg.contains(r##"width="640" height="360" opacity="1" fill="#FFFFFF""##), "{svg}");
        assert!(svg.len() < 30_000, "{} bytes", svg.len());
        assert_eq!(svg, draw());
    }
}
