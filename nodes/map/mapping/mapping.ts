/** The language of the map node: pure, with nothing of the host, so that the editor’s page runs the same code as a gateway. */
export { checkRows, sayPlace, type RowProblem } from './check.ts'
export { compileRows, TooMuchWork, workLimit, type Given } from './evaluate.ts'
export type { Argument, MapFunction } from './function.ts'
export { categoryWords, functionOf, functions } from './functions.ts'
export type { Row, RowArgument, RowStep, Words } from './row.ts'
export { parseSource, printSource } from './source-path.ts'
export { parseTarget } from './target.ts'
export { toJsonata } from './to-jsonata.ts'
