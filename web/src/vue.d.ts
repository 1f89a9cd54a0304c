/** What tools that know no Vue make of a component; vue-tsc knows better. */
declare module '*.vue' {
  import type { Component } from 'vue';
  const component: Component;
  export default component;
}
