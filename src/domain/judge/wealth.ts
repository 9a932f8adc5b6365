/**
 * Evidence against one hypothesis: the wealth of a gambler who starts with 1, spreads it over several bets and keeps
 * half in cash. Where the hypothesis is true it reaches 1/x with a chance of at most x, whenever one looks (Ville 1939).
 */
export interface Wealth {
  /** Natural logarithm of the whole wealth. */
  readonly ln: number;
  /** How it is spread: the bets, then the cash; they sum to 1. */
  readonly parts: readonly number[];
}

const cash = 0.5;
/** So much is spread anew after each batch, which makes a late change as quick to see as an early one (Herbster, Warmuth 1998). */
const spreadAnew = 0.005;

export function newWealth(bets: number): Wealth {
  return { ln: 0, parts: Array.from({ length: bets + 1 }, (_, index) => prior(index, bets)) };
}

/**
 * The wealth after a batch in which each bet paid `exp(lnPayouts[i])`, at most `payoutMax`: less than it won is always
 * allowed, and so one burst alone decides nothing. More than `lnMax` in all is thrown away.
 */
export function settle(
  wealth: Wealth,
  lnPayouts: readonly number[],
  payoutMax: number,
  lnMax = Number.POSITIVE_INFINITY,
): Wealth {
  const { parts } = wealth;
  const bets = parts.length - 1;
  let sum = parts[bets] ?? 0;
  const won: number[] = new Array(parts.length);
  won[bets] = sum;
  for (let index = 0; index < bets; index += 1) {
    const part = (parts[index] ?? 0) * Math.min(payoutMax, Math.exp(lnPayouts[index] ?? 0));
    won[index] = part;
    sum += part;
  }
  for (let index = 0; index <= bets; index += 1) {
    won[index] = ((1 - spreadAnew) * (won[index] ?? 0)) / sum + spreadAnew * prior(index, bets);
  }
  return { ln: Math.min(lnMax, wealth.ln + Math.log(sum)), parts: won };
}

function prior(index: number, bets: number): number {
  return index === bets ? cash : (1 - cash) / bets;
}
