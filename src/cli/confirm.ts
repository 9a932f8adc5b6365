import { createInterface } from 'node:readline/promises';
import { WrongUseError } from './run.ts';

/**
 * Lets a person type the name of what is about to be touched.
 * @param purpose what it is typed for, after `Type NAME`
 * @throws WrongUseError where nobody is there, or another name is typed
 */
export async function confirm(name: string, purpose: string): Promise<void> {
  if (process.stdin.isTTY !== true) throw new WrongUseError('there is nobody to ask: give --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Type ${name} ${purpose}: `);
    if (answer.trim() !== name) throw new WrongUseError('that is another name; nothing was changed');
  } finally {
    terminal.close();
  }
}
