import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { program } from '../../src/cli/program.ts';
import { readTree } from '../tree.ts';

/** What pages tell people to type: lines of code blocks, and words in backticks within a line. */
function typed(page: string): readonly string[] {
  const blocks = [...page.matchAll(/```(?:console|sh|bash)\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.replace(/\\\n/g, ' ').split('\n'));
  const words = [...page.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, text = '']) => text);
  return [...lines.map((line) => line.replace(/\s#.*$/, '')), ...words];
}

/** The options of each `sluice ...` in a text that its command does not have. */
function unknownOptions(text: string, commands: readonly Command[]): readonly string[] {
  return [...text.matchAll(/(?:^|[\s(])sluice ([a-z][\w-]*)([^|;&<>]*)/g)].flatMap(([, name = '', rest = '']) => {
    const options = commands.find((one) => one.name() === name)?.options ?? [];
    const known = ['--help', '-h', ...options.flatMap(({ short, long }) => [short, long])];
    const given = [...rest.matchAll(/(?:^|\s)(--?[a-z][\w-]*)/g)].map(([, option = '']) => option);
    return given.filter((option) => !known.includes(option)).map((option) => `sluice ${name} has no ${option}`);
  });
}

const { commands } = program();

it('every option that the pages name is one of the command it stands at', () => {
  const texts = [...readTree('.md')].flatMap(([path, page]) => typed(page).map((text) => [path, text] as const));
  expect(texts.filter(([, text]) => /\bsluice \w+ .*--/.test(text)).length).toBeGreaterThan(20);
  expect(texts.flatMap(([path, text]) => unknownOptions(text, commands).map((one) => `${path}: ${one}`))).toEqual([]);
});

it('an option that no command has is found', () => {
  const page =
    '```sh\nnpx sluice plan -f a.yaml --nowhere # --no\n```\nor `sluice get x --watch`, `sluice get --wacht`';
  const found = typed(page).flatMap((text) => unknownOptions(text, commands));
  expect(found).toEqual(['sluice plan has no --nowhere', 'sluice get has no --wacht']);
});
