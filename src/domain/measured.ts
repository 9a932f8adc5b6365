/** How long something took on this installation, from its first write until the CLB had it. */
export interface Measured {
  /** `glass`: weights set straight at the CLB and read back. */
  readonly what: 'shift' | 'rollback' | 'glass';
  /** Per cent that was asked; 0 for what takes the traffic back. */
  readonly share: number;
  /** Writes that it took, one after the other; null where they were not counted. */
  readonly writes: number | null;
  readonly ms: number;
}

/** What trying break glass came to. */
export interface GlassTried {
  /** Until the weights that were set were read back; null where they never were. */
  readonly ms: number | null;
  /** Why break glass would not have worked; null where it did. */
  readonly problem: string | null;
}

/** A record keeps the newest. */
const keptMax = 50;

export function withMeasured(known: readonly Measured[], ...more: readonly Measured[]): readonly Measured[] {
  return [...known, ...more].slice(-keptMax);
}

/** How long one write of a shift takes here until it is verified: the median, null where nothing was measured. */
export function writeMs(measured: readonly Measured[]): number | null {
  const times = measured
    .flatMap(({ what, writes, ms }) => (what === 'shift' && writes !== null && writes > 0 ? [ms / writes] : []))
    .sort((a, b) => a - b);
  return times[Math.floor((times.length - 1) / 2)] ?? null;
}
