import type { Notice } from '../../domain/notice.ts';
import { oneLine } from '../../domain/plain-text.ts';

/** A notice in words, the same for all chats; each chat only lays them out. */
export interface Words {
  readonly title: string;
  readonly lines: readonly { readonly label: string; readonly text: string }[];
}

const titleBytesMax = 200;
const textBytesMax = 1_500;
const nameBytesMax = 128;

export function wordsOf(notice: Notice): Words {
  const line = (label: string, text: string, bytesMax: number) => ({ label, text: shortened(oneLine(text), bytesMax) });
  return {
    title: shortened(oneLine(notice.title), titleBytesMax),
    lines: [
      line('Migration', `${notice.migration} (run ${notice.run})`, nameBytesMax * 2),
      line('State', notice.state, nameBytesMax),
      line('Step', stepOf(notice), nameBytesMax),
      line('Share', shareOf(notice), 128),
      line('Reason', notice.reason, textBytesMax),
      line('Next', notice.next, textBytesMax),
    ].filter(({ text }) => text !== ''),
  };
}

function stepOf({ step, steps, route }: Notice): string {
  if (step === 0) return `before the first of ${steps}`;
  return route === null ? `${step} of ${steps}` : `${step} of ${steps} (${route})`;
}

/** The three shares are never mixed up, and a number that nobody has is never shown as zero. */
function shareOf({ asked, achieved, observed }: Notice): string {
  const shown = (share: number | null) => (share === null ? 'not known' : `${Math.round(share * 100) / 100}%`);
  return `asked ${shown(asked)}, achieved ${shown(achieved)}, observed ${shown(observed)}`;
}

/** At most so many bytes of UTF-8, cut between characters. */
export function shortened(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const mark = '...';
  let kept = '';
  let bytes = mark.length;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    kept += character;
  }
  return kept + mark;
}

/** Text that a chat shows as it is: names, reasons and titles come from files, people and other systems. */
function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_[\]~|#]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}

export function markdownOf(words: Words): string {
  const lines = words.lines.map(({ label, text }) => `- **${label}**: ${escapeMarkdown(text)}`);
  return [`### ${escapeMarkdown(words.title)}`, '', ...lines].join('\n');
}
