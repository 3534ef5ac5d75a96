import type { Api } from './clients.ts'

/** What the versions of an API have in common: the family that the record names, else the API's own id. */
export function familyOf({ id, family }: Pick<Api, 'id' | 'family'>): string {
  return family ?? id
}
