// Stands where jco-transpile imports a minifier, which is a native program without a source here. Nothing is minified.

export function minify() {
  throw new Error('this recipe minifies nothing');
}
