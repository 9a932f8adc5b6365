import { type Check, fail, shown } from './finding.ts';

const pattern = /^(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3})?$/;
const factors: Readonly<Record<string, number>> = {
  '': 1,
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** The number that a quantity of Kubernetes stands for (`200m`, `2G`, `256Mi`, or a plain number); null where it is none. */
export function parseQuantity(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : null;
  const match = typeof value === 'string' && value.length <= 40 ? pattern.exec(value) : null;
  if (match === null) return null;
  const [, digits = '', unit = ''] = match;
  return Number(digits) * (factors[unit] ?? 10 ** Number(unit.slice(1)));
}

export const quantity: Check = (value, path) =>
  parseQuantity(value) === null ? [fail(path, `must be a quantity such as 200m or 2G, not ${shown(value)}`)] : [];
