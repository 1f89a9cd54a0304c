import UPlot from 'uplot';
import { WINDOW_SECONDS } from './history.ts';

/** How a chart is drawn. */
export interface ChartStyle {
  /** One per line: a colour and whether it is dashed. */
  lines: readonly { colour: string; isDashed: boolean }[];
  text: string;
  grid: string;
  font: string;
  formatTime: (seconds: number) => string;
  formatValue: (value: number) => string;
}

const HEIGHT = 180;
/** What a chart begins with; it grows with what there is to show, to the ten minutes that are kept. */
const FIRST_SECONDS = 120;

function lookBack(plot: UPlot): UPlot.Range.MinMax {
  const times = plot.data[0];
  const last = times.at(-1) ?? Date.now() / 1_000;
  const span = Math.min(Math.max(last - (times[0] ?? last), FIRST_SECONDS), WINDOW_SECONDS);
  return [last - span, last];
}

/** Draws lines over the last ten minutes, from zero up, into an element. */
export function drawChart(element: HTMLElement, style: ChartStyle, data: UPlot.AlignedData): UPlot {
  const axis = {
    stroke: style.text,
    font: style.font,
    grid: { stroke: style.grid, width: 1 },
    ticks: { stroke: style.grid, width: 1, size: 4 },
  };
  return new UPlot(
    {
      width: Math.max(element.clientWidth, 200),
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, range: (plot) => lookBack(plot) },
        // An empty or flat chart still has a scale.
        y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, 1) * 1.1] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          space: 70,
          values: (_plot, ticks) => ticks.map((tick) => style.formatTime(tick)),
        },
        {
          ...axis,
          size: 56,
          values: (_plot, ticks) => ticks.map((tick) => style.formatValue(tick)),
        },
      ],
      series: [
        {},
        ...style.lines.map(({ colour, isDashed }) => ({
          stroke: colour,
          width: 2,
          ...(isDashed && { dash: [5, 4] }),
        })),
      ],
    },
    data,
    element,
  );
}

/** Gives a chart the width of the element that it is in. */
export function fitChart(plot: UPlot, element: HTMLElement): void {
  plot.setSize({ width: Math.max(element.clientWidth, 200), height: HEIGHT });
}
