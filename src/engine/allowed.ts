import { migrationMachine } from '../../state-machines/migration.ts';
import { type PersonVerb, personVerbs } from '../domain/person-command.ts';

/** Read off the machine itself, so that what people are told and what the machine does cannot differ. */
const statesByVerb = new Map(personVerbs.map((verb) => [verb, statesWith(verb)]));

/** States, by their path, in which the machine knows the verb. */
export function allowedStates(verb: PersonVerb): readonly string[] {
  return statesByVerb.get(verb) ?? [];
}

export function allowedVerbs(state: string): readonly PersonVerb[] {
  return personVerbs.filter((verb) => isAllowed(verb, state));
}

export function isAllowed(verb: PersonVerb, state: string): boolean {
  return allowedStates(verb).some((allowed) => state === allowed || state.startsWith(`${allowed}.`));
}

interface Node {
  readonly path: readonly string[];
  readonly states: Readonly<Record<string, Node>>;
  readonly ownEvents: readonly string[];
}

function statesWith(verb: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (node.path.length > 0 && node.ownEvents.includes(verb)) found.push(node.path.join('.'));
    else for (const child of Object.values(node.states)) visit(child);
  };
  visit(migrationMachine.root as unknown as Node);
  return found;
}
