/** Why something failed, for the log: of errors of a database and of Node the code, because their texts may hold what was written; of the vault's own the text. */
export function reasonOf(thrown: unknown): string {
  return (thrown as { code?: string }).code ?? (thrown as Error).message
}
