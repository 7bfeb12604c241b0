/** A picture, in terms that know nothing of the library that draws it. */
export interface Figure {
  readonly title: string;
  /** A sentence or two below the title. */
  readonly subtitle?: string;
  /** From left to right, top to bottom. */
  readonly panels: readonly Panel[];
}

/** One pair of axes with what is drawn between them. */
export interface Panel {
  /** Above the axes; useful where there are several panels. */
  readonly title?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
  readonly marks?: readonly Mark[];
  /** Squares with a text, row by row from the top; both axes have categories. */
  readonly cells?: readonly Cell[];
}

/** One square of a table. */
export interface Cell {
  readonly row: number;
  readonly column: number;
  /** In [0, 1]: how dark. */
  readonly shade: number;
  readonly text: string;
}

export interface Axis {
  readonly name: string;
  /** 'log' falls back to 'linear' where something drawn is not positive. Default 'linear'. */
  readonly scale?: Scale;
  /** Only whole numbers have ticks. */
  readonly whole?: boolean;
  /** Names in place of numbers. */
  readonly categories?: readonly string[];
  /** Limit above which values are cut off. */
  readonly most?: number;
}

export type Scale = 'linear' | 'log' | 'log2';

export type Point = readonly [x: number, y: number];

/** Lines of one name are of one colour, in all panels, and have one entry in the legend. */
export interface Line {
  readonly name: string;
  /** A point that is not finite is a gap. */
  readonly points: readonly Point[];
  /** 'faint' is thin and pale (raw values behind smoothed ones), 'dashed' is for what is beside the point (training beside validation), 'dots' has points alone. */
  readonly style?: 'solid' | 'faint' | 'dashed' | 'dots';
  /** An area around the line, from the lower to the upper values, one for each point: the spread. */
  readonly band?: { readonly low: readonly number[]; readonly high: readonly number[] };
  /** Draws the line's colour from that of another one. */
  readonly like?: string;
  /** Draws a circle at each point. Default: where there are few. */
  readonly dots?: boolean;
}

/** A straight line across the panel at a value of one axis, with a text beside it. */
export interface Mark {
  readonly x?: number;
  readonly y?: number;
  readonly text?: string;
}

/** Size of the whole picture, and a title of one's own. */
export interface PlotOptions {
  readonly title?: string | undefined;
  /** In pixels. Default 760. */
  readonly width?: number | undefined;
  /** In pixels. Default 420 for each row of panels. */
  readonly height?: number | undefined;
}
