/** One path of a document, and the parameters in it. */
export interface DocumentPath {
  readonly path: string
  readonly names: readonly string[]
}

/**
 * A route pattern (`/users/:id`, `/files/*`) as paths of a document, which name parameters in braces. A parameter that may be left
 * out makes two of them; the rest of a path is a parameter called `rest`.
 */
export function toDocumentPaths(route: string): readonly DocumentPath[] {
  const optional = /\/:(\w+)(?:\([^)]*\))?\?$/.exec(route)
  if (optional) return [toPath(route.slice(0, optional.index) || '/'), toPath(route.slice(0, -1))]
  return [toPath(route)]
}

function toPath(route: string): DocumentPath {
  const names: string[] = []
  const path = route
    .replaceAll(/:(\w+)(?:\((?:[^()]|\([^()]*\))*\))?/g, (_, name: string) => {
      names.push(name)
      return `{${name}}`
    })
    .replace(/\*$/, () => {
      const name = names.includes('rest') ? 'rest_of_path' : 'rest'
      names.push(name)
      return `{${name}}`
    })
  return { path, names }
}
