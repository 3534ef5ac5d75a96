/**
 * What a name that nodes share stands for in the store: the same name is another thing in each organisation, so that nobody
 * counts, corrects or signs in where somebody else does.
 */
export function sharedName({ node: { organisation } }: { readonly node: { readonly organisation?: string } }, name: string): string {
  return organisation === undefined ? name : `${organisation}:${name}`
}
