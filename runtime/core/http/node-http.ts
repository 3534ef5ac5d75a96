/**
 * Node's `http`, taken without `import`: an import of it reads every name that the module exports, `WebSocket`
 * among them, and that one loads all of Node's own fetch (50 ms of every start, and memory).
 */
export const http = process.getBuiltinModule('node:http')
