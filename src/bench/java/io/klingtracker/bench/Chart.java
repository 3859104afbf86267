package io.klingtracker.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A line chart as SVG: a logarithmic x axis, a y axis from 0, a few series. */
final class Chart {

  private static final int WIDTH = 720;
  private static final int HEIGHT = 360;
  private static final int LEFT = 70;
  private static final int BOTTOM = 50;
  private static final int TOP = 40;
  private static final int RIGHT = 170;
  private static final List<String> COLOURS =
      List.of("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df");

  private final String title;
  private final String across;
  private final String up;
  private final Map<String, List<double[]>> series = new LinkedHashMap<>();

  Chart(String title, String across, String up) {
    this.title = title;
    this.across = across;
    this.up = up;
  }

  Chart point(String name, double x, double y) {
    series.computeIfAbsent(name, ignored -> new ArrayList<>()).add(new double[] {x, y});
    return this;
  }

  String svg() {
    double low = Double.MAX_VALUE;
    double high = Double.MIN_VALUE;
    double top = 0;
    for (List<double[]> points : series.values()) {
      for (double[] point : points) {
        low = Math.min(low, point[0]);
        high = Math.max(high, point[0]);
        top = Math.max(top, point[1]);
      }
    }
    StringBuilder svg = new StringBuilder();
    svg.append(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                .formatted(WIDTH, HEIGHT))
        .append("font-family=\"sans-serif\" font-size=\"12\">\n")
        .append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    text(svg, LEFT, 22, "start", title, 15);
    text(svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, "middle", across, 12);
    text(svg, LEFT, TOP - 4, "end", up, 12);
    double step = step(top);
    for (double y = 0; y <= top * 1.0001; y += step) {
      double at = y(y, top);
      svg.append(line(LEFT, at, WIDTH - RIGHT, at, "#d0d7de", 1));
      text(svg, LEFT - 6, at + 4, "end", label(y), 12);
    }
    for (double x = Math.pow(10, Math.floor(Math.log10(low))); x <= high * 1.0001; x *= 10) {
      if (x >= low * 0.9999) {
        double at = x(x, low, high);
        svg.append(line(at, y(0, top), at, y(0, top) + 5, "#57606a", 1));
        text(svg, at, y(0, top) + 20, "middle", label(x), 12);
      }
    }
    int number = 0;
    for (Map.Entry<String, List<double[]>> one : series.entrySet()) {
      String colour = COLOURS.get(number % COLOURS.size());
      StringBuilder points = new StringBuilder();
      for (double[] point : one.getValue()) {
        points.append(
            String.format(Locale.ROOT, "%.1f,%.1f ", x(point[0], low, high), y(point[1], top)));
      }
      svg.append(
          "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"%s\"/>\n"
              .formatted(colour, points.toString().strip()));
      double at = TOP + 14 + 18.0 * number;
      svg.append(line(WIDTH - RIGHT + 12, at - 4, WIDTH - RIGHT + 32, at - 4, colour, 2));
      text(svg, WIDTH - RIGHT + 38, at, "start", one.getKey(), 12);
      number++;
    }
    return svg.append("</svg>\n").toString();
  }

  private static double x(double value, double low, double high) {
    double span = Math.log(Math.max(high, low * 1.001)) - Math.log(low);
    return LEFT + (Math.log(value) - Math.log(low)) / span * (WIDTH - LEFT - RIGHT);
  }

  private static double y(double value, double top) {
    return HEIGHT - BOTTOM - value / Math.max(top, 1e-9) * (HEIGHT - BOTTOM - TOP);
  }

  /** A round distance of about five lines. */
  private static double step(double top) {
    double rough = Math.max(top, 1e-9) / 5;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double digit = rough / power;
    return power * (digit > 5 ? 10 : digit > 2 ? 5 : digit > 1 ? 2 : 1);
  }

  private static String label(double value) {
    if (value >= 1e6) {
      return Spread.number(value / 1e6).replaceAll("\\.?0+$", "") + " M";
    }
    return value >= 1 || value == 0
        ? String.format(Locale.ROOT, "%,.0f", value)
        : String.format(Locale.ROOT, "%.2g", value);
  }

  private static String line(
      double fromX, double fromY, double toX, double toY, String colour, int width) {
    return String.format(
        Locale.ROOT,
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%d\"/>%n",
        fromX,
        fromY,
        toX,
        toY,
        colour,
        width);
  }

  private static void text(
      StringBuilder svg, double x, double y, String anchor, String text, int size) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" fill=\"#24292f\">%s</text>%n",
            x,
            y,
            anchor,
            size,
            text.replace("&", "&amp;").replace("<", "&lt;")));
  }
}
