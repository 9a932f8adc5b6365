/** Where the gates are: `detour.json` beside the functions. */
export interface Detour {
  readonly ports: Readonly<Record<'redis' | 'ack' | 'asm' | 'clb' | 'functions' | 'probes' | 'chat', number>>;
  /** Kubeconfigs that lead through the gates. */
  readonly kubeconfigs: { readonly ack: string; readonly asm: string };
  /** Wall milliseconds by which the clock of a function's instances is ahead. */
  readonly aheadMs: Readonly<Record<string, number>>;
}

export const detourFile = 'detour.json';

/** Beside it: where the functions' own invocation API is, as the first instance was told. */
export const endpointFile = 'functions-endpoint';
