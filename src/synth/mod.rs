//! Placeholder of the room `synth`.
