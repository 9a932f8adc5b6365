const zoneForm = /^CRON_TZ=(\S+) /;
/** Seconds, minutes, hours, day of month, month, day of week: the range of each. */
const ranges: readonly (readonly [number, number])[] = [
  [0, 59],
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];

/** What is wrong with the expression of a timer trigger; null when Function Compute would take it. */
export function cronProblem(expression: string): string | null {
  const every = /^@every (\d+)m$/.exec(expression);
  if (every) return Number(every[1]) >= 1 ? null : 'the interval is at least one minute';
  const zone = zoneForm.exec(expression)?.[1];
  if (zone && !isZone(zone)) return `no time zone ${zone}`;
  const fields = expression.replace(zoneForm, '').split(' ');
  if (fields.length !== 6) return `${fields.length} fields in "${expression}"; six are needed, seconds first`;
  const wrong = fields.findIndex((field, index) => !isField(field, ranges[index] ?? [0, 0]));
  return wrong < 0 ? null : `field ${wrong + 1} of "${expression}" is out of range`;
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone.length > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A star, a number, a range, a list of them, each with an optional step; `?` for "no matter". */
function isField(field: string, [low, high]: readonly [number, number]): boolean {
  return field.split(',').every((part) => {
    const match = /^(?:\*|\?|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) return false;
    const numbers = [match[1], match[2]].filter((one) => one !== undefined).map(Number);
    return numbers.every((one) => one >= low && one <= high) && Number(match[3] ?? 1) > 0;
  });
}
