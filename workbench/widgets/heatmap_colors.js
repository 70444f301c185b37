// Colours of the heat map: a path through OKLCH in which lightness rises evenly with the score
// (so that it also reads in grey and for the colour blind) while the hue goes from violet over
// teal to yellow.

const COLOR_STEPS = 256;

/** OKLCH (lightness 0..1, chroma, hue in degrees) to sRGB bytes. */
function oklchToRgb(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((x) => {
    const v = Math.min(Math.max(x, 0), 1);
    return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
  });
}

/** The table: [{css, ink}], ink being the black or white that reads on it. */
const HEAT_COLORS = Array.from({ length: COLOR_STEPS }, (_, i) => {
  const t = i / (COLOR_STEPS - 1);
  const [r, g, b] = oklchToRgb(0.27 + 0.65 * t, 0.105 + 0.055 * t * t, 292 - 187 * t);
  return { css: `rgb(${r},${g},${b})`, ink: 0.27 + 0.65 * t > 0.62 ? "#111" : "#fff" };
});

/** The colour of a score within [low, high]. */
function heatColor(score, low, high) {
  const t = high > low ? (score - low) / (high - low) : 0.5;
  return HEAT_COLORS[Math.round(Math.min(Math.max(t, 0), 1) * (COLOR_STEPS - 1))];
}

/** The whole scale as a CSS gradient. */
function heatGradient() {
  const stops = Array.from({ length: 12 }, (_, i) => HEAT_COLORS[Math.round((i / 11) * (COLOR_STEPS - 1))].css);
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}
