//! Plots as SVG, to stand in a page.

use std::ops::Range;

use anyhow::anyhow;
use plotters::prelude::*;

/// Size of a plot.
const SIZE: (u32, u32) = (640, 300);
/// Colours of the lines, told apart by the colour-blind too.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// A line of a plot.
pub(super) struct Line<'a> {
    /// What it shows.
    pub(super) name: &'a str,
    /// Its points, in order of x.
    pub(super) points: Vec<(f64, f64)>,
}

/// One plot.
pub(super) struct Plot<'a> {
    /// Title, with the unit.
    pub(super) title: &'a str,
    /// What the x axis shows.
    pub(super) x: &'a str,
    /// The lines.
    pub(super) lines: Vec<Line<'a>>,
    /// Vertical marks.
    pub(super) marks: &'a [(f64, String)],
}

impl Plot<'_> {
    /// Draws it; an empty text when there is nothing to show.
    pub(super) fn draw(&self) -> anyhow::Result<String> {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        if points().count() < 2 || points().all(|(_, y)| y == 0.0) {
            return Ok(String::new());
        }
        let right = points().map(|(x, _)| x).fold(0.0, f64::max).max(f64::EPSILON);
        let left = points().map(|(x, _)| x).fold(right, f64::min);
        let top = points().map(|(_, y)| y).fold(0.0, f64::max) * 1.1;
        let mut svg = String::new();
        self.draw_on(&mut svg, left..right.max(left + f64::EPSILON), 0.0..top)
            .map_err(|error| anyhow!("a plot cannot be drawn: {error}"))?;
        Ok(svg)
    }

    fn draw_on(&self, svg: &mut String, x: Range<f64>, y: Range<f64>) -> Result<(), String> {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(text)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 16))
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(x.clone(), y.clone())
            .map_err(text)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(self.x)
            .x_labels(8)
            .y_labels(6)
            .x_label_formatter(&label)
            .y_label_formatter(&label)
            .draw()
            .map_err(text)?;
        for (at, _) in self.marks.iter().filter(|(at, _)| x.contains(at)) {
            let line = [(*at, y.start), (*at, y.end)];
            chart.draw_series(LineSeries::new(line, BLACK.mix(0.4))).map_err(text)?;
        }
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
            let colour = *colour;
            chart
                .draw_series(series)
                .map_err(text)?
                .label(line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        if self.lines.len() > 1 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(WHITE.mix(0.8))
                .draw()
                .map_err(text)?;
        }
        area.present().map_err(text)?;
        Ok(())
    }
}

/// A number at an axis.
fn label(value: &f64) -> String {
    if value.abs() >= 10.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
