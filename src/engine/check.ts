/** One thing that the first shift relies on, and what was found of it. */
export interface Check {
  /** What is checked: the same word on every route. */
  readonly id: string;
  readonly status: 'pass' | 'fail';
  /** With the place in front, in words for people. */
  readonly found: string;
}

/** @param wrong what is found when it fails; null where it passes */
export function check(id: string, passes: string, wrong: string | null): Check {
  return wrong === null ? { id, status: 'pass', found: passes } : { id, status: 'fail', found: wrong };
}
