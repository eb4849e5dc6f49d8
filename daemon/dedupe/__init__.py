"""Recognises what was handled before: identities, a window of settled ones in memory, claims in the state store.

decode/ asks identity.py for names, pipeline/ looks into the window before matching, dispatch/ claims each intent before
it acts and confirms it after.  Nothing is remembered on sight.
"""
