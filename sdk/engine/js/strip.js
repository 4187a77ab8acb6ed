// The actions of the engine that strips types: TypeScript to JavaScript, line by line the same, with a source map.
//
// `modules` are those of the sucrase package, by path: functions of (exports, require). What it uses of its own
// dependencies is small and stands here.
(function (kit) {
  "use strict";

  const { modules, TerminalError } = kit;

  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  // A number in base 64 with the sign in its lowest bit (source map, revision 3).
  function vlq(number) {
    let rest = number < 0 ? (-number << 1) | 1 : number << 1;
    let text = "";
    do {
      const digit = rest & 31;
      rest >>>= 5;
      text += DIGITS[rest ? digit | 32 : digit];
    } while (rest);
    return text;
  }

  class GenMapping {
    constructor() {
      this.lines = [];
      this.sourceLine = this.sourceColumn = 0;
    }
    add(line, column, sourceLine, sourceColumn) {
      while (this.lines.length <= line) {
        this.lines.push([]);
        this.column = 0;
      }
      const moved = [column - this.column, 0, sourceLine - this.sourceLine, sourceColumn - this.sourceColumn];
      this.lines[line].push(moved.map(vlq).join(""));
      [this.column, this.sourceLine, this.sourceColumn] = [column, sourceLine, sourceColumn];
    }
    get mappings() {
      return this.lines.map((segments) => segments.join(",")).join(";");
    }
  }

  const dependencies = {
    "@jridgewell/gen-mapping": {
      GenMapping,
      maybeAddSegment: (map, line, column, _file, sourceLine, sourceColumn) =>
        map.add(line, column, sourceLine, sourceColumn),
      toEncodedMap: (map) => ({ mappings: map.mappings }),
    },
    "ts-interface-checker": new Proxy({}, { get: (_, name) => (name === "createCheckers" ? unchecked : () => ({})) }),
    "lines-and-columns": {},
  };
  const unchecked = () => ({ Options: { strictCheck() {} } });

  const loaded = { ...dependencies };

  // A module by its path; a relative one is seen from `base`.
  function load(path, base = "") {
    const parts = path.startsWith(".") ? base.split("/").slice(0, -1) : [];
    for (const part of path.split("/")) {
      if (part === "..") parts.pop();
      else if (part !== ".") parts.push(part);
    }
    const names = [parts.join("/"), `${parts.join("/")}/index`];
    const found = dependencies[path] ? path : names.find((name) => modules[name]);
    if (!loaded[found]) {
      loaded[found] = {};
      modules[found](loaded[found], (wanted) => load(wanted, found));
    }
    return loaded[found];
  }

  const { transform } = load("index");
  const { parse } = load("parser/index");
  const { ContextualKeyword } = load("parser/tokenizer/keywords");
  const { TokenType } = load("parser/tokenizer/types");

  const SPACES = [ContextualKeyword._namespace, ContextualKeyword._module];
  const AMBIENT = [...SPACES, ContextualKeyword._global];

  // The parser tries some things in two ways, and then tells of the first fault of the last way. Where it came
  // farthest, the fault is more likely what the author is looking for.
  const base = load("parser/traverser/base");
  const { initParser } = base;
  let farthest = null;
  base.initParser = (...given) => {
    initParser(...given);
    let error = null;
    Object.defineProperty(base.state, "error", {
      get: () => error,
      set(found) {
        error = found;
        if (found && found.pos > (farthest?.pos ?? -1)) farthest = found;
      },
    });
  };

  function syntaxFault(message, source, position) {
    const lines = source.slice(0, position).split("\n");
    const stack = `at plugin.js:${lines.length}:${lines.at(-1).length + 1}`;
    return Object.assign(new TerminalError(message, { type: "syntax" }), { stack });
  }

  // Behind the block that begins next.
  function pastBlock(tokens, from) {
    let depth = 0;
    for (let i = from; i < tokens.length; i++) {
      const { type } = tokens[i];
      if (type === TokenType.braceL) depth++;
      else if (type === TokenType.braceR && --depth === 0) return i + 1;
      else if (depth === 0 && type === TokenType.semi) return i + 1;
    }
    return tokens.length;
  }

  // A namespace that is not only declared has code, which sucrase would leave out without a word.
  function refuseNamespaces(source) {
    if (!/\b(?:namespace|module)\s+[^\s{]+\s*\{/.test(source)) return;
    const { tokens } = parse(source, false, true, false);
    for (let i = 0; i + 1 < tokens.length; i++) {
      const [token, next] = [tokens[i], tokens[i + 1]];
      if (token.type === TokenType._declare && AMBIENT.includes(next.contextualKeyword)) {
        i = pastBlock(tokens, i) - 1;
      } else if (token.isType && SPACES.includes(token.contextualKeyword) && next.type === TokenType.name) {
        const message = "a namespace has no meaning here; use exports, or `declare namespace` for types";
        throw syntaxFault(message, source, token.start);
      }
    }
  }

  // Why the source cannot be read, at its place if that is known.
  function fault(error, source, file) {
    const { message, pos } = (error.loc && farthest) || error;
    const plain = message.replace(`Error transforming ${file}: `, "").replace(/ \(\d+:\d+\)$/, "");
    return error.loc ? syntaxFault(plain, source, pos) : Object.assign(error, { message: plain });
  }

  function strip({ source, file }) {
    farthest = null;
    const sourceMapOptions = { compiledFilename: file };
    try {
      const options = { transforms: ["typescript"], disableESTransforms: true, filePath: file, sourceMapOptions };
      const { code, sourceMap } = transform(source, options);
      refuseNamespaces(source);
      const map = { version: 3, sources: [file], names: [], mappings: sourceMap.mappings };
      return { code, map: JSON.stringify(map) };
    } catch (error) {
      throw fault(error, source, file);
    }
  }

  return { strip };
});
