import type { MigrationRecord } from '../domain/record.ts';
import { ConflictError } from '../ports/errors.ts';
import type { Claimed, Holder } from '../ports/migration-store.ts';
import type { Ports } from '../ports/ports.ts';

/**
 * Takes what a migration needs before its record is made.
 * @throws ConflictError naming the migration that holds some of it
 */
export async function takeClaims(
  { store }: Pick<Ports, 'store'>,
  claims: readonly string[],
  holder: Holder,
): Promise<void> {
  const held = await store.claim(claims, holder);
  if (held === null) return;
  const other = await store.load(held.holder.name);
  if (isStandingBehind(other, held)) throw inUse(held);
  // A start that died between claim and record, or a final record: nobody stands behind its claims any more.
  await store.release(other?.run === held.holder.run ? other.claims : claims, held.holder);
  const again = await store.claim(claims, holder);
  if (again !== null) throw inUse(again);
  // The one that looked dead may have made its record meanwhile: then the claims are its own again.
  const late = await store.load(held.holder.name);
  if (late !== null && isStandingBehind(late, held)) {
    await store.release(claims, holder);
    await store.claim(late.claims, held.holder);
    throw inUse(held);
  }
}

function isStandingBehind(record: MigrationRecord | null, { holder }: Claimed): boolean {
  return record !== null && record.run === holder.run && !record.isFinal;
}

function inUse({ claim, holder }: Claimed): ConflictError {
  return new ConflictError(`${claim} is in use by migration ${holder.name}`);
}
