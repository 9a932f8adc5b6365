/** Version of an ASM instance as far as the rules about gateways depend on it; `1.18`, `v1.18.0.131`. */
export interface AsmVersion {
  readonly major: number;
  readonly minor: number;
}

/** Null where the text is no version. */
export function parseAsmVersion(text: string): AsmVersion | null {
  const match = /^v?(\d{1,3})\.(\d{1,3})(?:[.-][\w.-]{0,40})?$/.exec(text);
  return match === null ? null : { major: Number(match[1]), minor: Number(match[2]) };
}

/** ASM 1.16 changed what restarts a gateway and what may differ from cluster to cluster (CRD field reference). */
export function isBefore116({ major, minor }: AsmVersion): boolean {
  return major < 1 || (major === 1 && minor < 16);
}
